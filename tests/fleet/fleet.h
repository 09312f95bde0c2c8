#pragma once

// N updaters, played by one thread against a real ops-meta over real sockets.

#include <atomic>
#include <functional>
#include <string>

#include "tests/fleet/exchange.h"
#include "tests/fleet/hosts.h"
#include "tests/fleet/report.h"
#include "tests/fleet/sockets.h"

namespace ops::fleet {

/// When heartbeats are due.
enum class RateEstimator {
  interval,  // each host by its own clock, as ops-updater: jittered, backing off after errors, Retry-After honoured
  rate,      // so many a second, host after host; nothing is tried again
  flat_out   // `connections` at a time, each followed by the next at once
};

struct FleetOptions {
  Target target;
  HostsOptions hosts;
  RateEstimator pace = RateEstimator::interval;
  double interval = 300;      // seconds
  double spread = 0;          // of the first heartbeats, seconds; 0: the interval
  double rate = 1000;         // heartbeats a second
  double duration = 60;       // seconds
  bool until_all_in = false;  // end as soon as each host has got a good reply
  bool keep = false;          // hosts share `connections` kept ones; else each heartbeat has a new one
  size_t connections = 64;    // with `keep` or flat_out
  size_t max_open = 15'000;   // more wait for their turn, which counts in their latency
  Tls tls = Tls::none;
  double timeout = 20;        // seconds, of connecting and being answered
  double hold = 60;           // seconds for which a Go updater keeps its connection after the reply
  pid_t server_pid = 0;       // whose CPU and memory are reported; 0: nobody's
  double progress_every = 0;  // seconds; 0: never
  std::function<void(const std::string& line)> progress;
  std::function<void(const Report& so_far)> watch;  // called every second, by the thread that runs the fleet
  const std::atomic<bool>* stop = nullptr;          // ends the run early
};

/// Heartbeats that are under way at the end have a second to finish; they count, if they do.
Report run_fleet(const FleetOptions& options);

}  // namespace ops::fleet
