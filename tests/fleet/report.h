#pragma once

// What a run found, for people and for scripts.

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "tests/fleet/histogram.h"
#include "tests/fleet/hosts.h"
#include "tests/fleet/usage.h"

namespace ops::fleet {

struct Report {
  uint64_t hosts = 0;
  uint64_t hosts_in = 0;  // got a good reply at least once
  double all_in_s = 0;    // seconds until the last of them did
  double seconds = 0;
  uint64_t heartbeats = 0;                 // good replies
  uint64_t busy = 0;                       // 503 with a Retry-After
  uint64_t unasked = 0;                    // still due, or without their reply, when it ended
  uint64_t connections = 0;                // opened
  uint64_t most_open = 0;                  // at once
  uint64_t resumed = 0;                    // of `connections`, those that resumed a TLS session
  std::map<std::string, uint64_t> errors;  // by kind
  Histogram latency;                       // of good replies: from when the heartbeat was due to the end of the reply
  std::vector<UpdateCounts> updates;       // by agent
  bool has_usage = false;                  // of the server
  Usage before;
  Usage after;

  UpdateCounts all_updates() const;
  uint64_t error_count() const;
  std::string error_kinds() const;  // "5 connection refused, 1 reset"
  double rate() const;              // heartbeats a second
  double cpu_us() const;            // the server's, a heartbeat
  double cpu_percent() const;       // of one core
  double bytes_per_host() const;    // by which the server's memory grew
};

/// The table that stands at the end of a run.
std::string to_text(const Report& report);
std::string to_json(const Report& report);

/// "1.23 ms"
std::string milliseconds(int64_t microseconds);

/// "1,234,567"
std::string with_commas(uint64_t number);

}  // namespace ops::fleet
