#pragma once

// Simulates N updaters in one thread. They send heartbeats to a real ops-meta over real sockets.

#include <atomic>
#include <functional>
#include <string>

#include "tests/fleet/async_http_client.h"
#include "tests/fleet/client_sockets.h"
#include "tests/fleet/hosts.h"
#include "tests/fleet/report.h"

namespace ops::fleet {

/// The times at which heartbeats are due.
enum class Pacing {
  interval,  // each host has its own interval, jitter and backoff, and honours Retry-After, as ops-updater does
  rate,      // open loop: `rate` heartbeats per second, host after host; failed ones are not repeated
  flat_out   // closed loop: `connections` heartbeats at once; each is followed by the next without a pause
};

struct FleetOptions {
  Target target;
  HostsOptions hosts;
  Pacing pacing = Pacing::interval;
  double interval = 300;      // seconds
  double spread = 0;          // seconds in which all hosts send their first heartbeat; 0 for the interval
  double rate = 1000;         // heartbeats per second
  double duration = 60;       // seconds
  bool until_all_in = false;  // ends the run as soon as each host has had a good reply
  bool keep = false;          // the hosts share `connections` kept connections; otherwise each heartbeat has a new one
  size_t connections = 64;    // with `keep` or Pacing::flat_out
  size_t max_open = 15'000;   // connections at once; further heartbeats wait, and their latency includes the wait
  Tls tls = Tls::none;
  double timeout = 20;        // seconds for the connection and the reply
  double hold = 60;           // seconds for which a Go updater keeps its connection after the reply
  pid_t server_pid = 0;       // the report has the CPU and memory of this process; 0 for none
  double progress_every = 0;  // seconds; 0: never
  std::function<void(const std::string& line)> progress;
  std::function<void(const Report& so_far)> watch;  // called every second, by the thread that runs the fleet
  const std::atomic<bool>* stop = nullptr;          // ends the run early
};

/// Runs the fleet. Heartbeats under way at the end have one second to finish, and then count.
Report run_fleet(const FleetOptions& options);

}  // namespace ops::fleet
