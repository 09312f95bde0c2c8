#pragma once

// The benchmarks. Each returns the rows that it has to say, and throws std::runtime_error with the reason when it can't; so the
// daemons that it started are ended in any case.

#include <atomic>
#include <string>
#include <vector>

#include "tests/bench/servers.h"
#include "tests/bench/table.h"

namespace ops::bench {

struct Options {
  int rounds = 5;
  double seconds = 4;             // of each round
  std::string nginx = "nginx";    // the program
  uint32_t hosts = 1'000'000;     // of the scale runs
  double steady_seconds = 600;    // of the scale runs' longest
  std::vector<std::string> only;  // of the scale runs: these; none for all
};

/// Set by SIGINT and SIGTERM. Long runs look at it, and so does announce.
extern std::atomic<bool> stop_asked;

/// Says on stderr what is done next; throws when the person has had enough.
void announce(const std::string& what);

/// Throws.
[[noreturn]] void give_up(const std::string& why);

/// Heartbeats and tarballs next to nginx, in turns.
Table compare_heartbeats(const Options& options);
Table compare_tarballs(const Options& options);

/// An ops-updater with three agents that run, asked every second.
Table measure_idle_updater(const Options& options);

/// Heartbeats over TLS, as many as of a million hosts every five minutes.
Table measure_tls(const Options& options);

/// What ops-meta's decision costs whether a host may change to a version: in this process, without a server.
Table measure_admissions(const Options& options);

/// One ops-meta with `hosts` hosts, and all that may happen to it.
Table measure_scale(const Options& options);

}  // namespace ops::bench
