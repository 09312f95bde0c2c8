#pragma once

// The benchmarks. Each returns the rows of its result. It throws std::runtime_error with the reason when it fails, so that
// destructors end the daemons that it started.

#include <atomic>
#include <string>
#include <vector>

#include "tests/bench/servers.h"
#include "tests/bench/table.h"

namespace ops::bench {

struct Options {
  int rounds = 5;
  double seconds = 4;             // length of each round
  std::string nginx = "nginx";    // the program
  uint32_t hosts = 1'000'000;     // of the scale scenarios
  double steady_seconds = 600;    // length of the longest scale scenario
  std::vector<std::string> only;  // names of the scale scenarios to run; empty for all
};

/// Set by SIGINT and SIGTERM. Long runs check it, and so does announce().
extern std::atomic<bool> stop_requested;

/// Prints the next step on stderr. Throws when `stop_requested` is set.
void announce(const std::string& step);

/// Throws std::runtime_error.
[[noreturn]] void give_up(const std::string& why);

/// Compares heartbeats and tarballs of ops-meta with nginx, in alternating rounds.
Table compare_heartbeats(const Options& options);
Table compare_tarballs(const Options& options);

/// Measures an ops-updater with three running agents and an interval of 1 s.
Table measure_idle_updater(const Options& options);

/// Measures heartbeats over TLS at the rate of a million hosts with an interval of five minutes.
Table measure_tls(const Options& options);

/// Measures the decision of ops-meta whether a host may change to a version, in this process, without a server.
Table measure_admissions(const Options& options);

/// Measures one ops-meta with `hosts` hosts in several scenarios.
Table measure_scale(const Options& options);

}  // namespace ops::bench
