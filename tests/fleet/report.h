#pragma once

// The result of a run, as text and as JSON.

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
  uint64_t hosts_in = 0;  // hosts that have had a good reply
  double all_in_s = 0;    // seconds until the first good reply of the last of them
  double seconds = 0;
  uint64_t heartbeats = 0;                 // good replies
  uint64_t busy = 0;                       // replies 503 with a Retry-After
  uint64_t unasked = 0;                    // heartbeats that were due or under way at the end
  uint64_t connections = 0;                // opened connections
  uint64_t most_open = 0;                  // most connections that were open at once
  uint64_t resumed = 0;                    // connections that resumed a TLS session
  std::map<std::string, uint64_t> errors;  // by kind
  Histogram latency;                       // of good replies, from the due time of the heartbeat to the end of the reply
  std::vector<UpdateCounts> updates;       // by agent
  bool has_usage = false;                  // whether `before` and `after` are the server's
  Usage before;
  Usage after;

  UpdateCounts all_updates() const;
  uint64_t error_count() const;
  std::string error_kinds() const;  // "5 connection refused, 1 reset"
  double rate() const;              // heartbeats per second
  double cpu_us() const;            // the server's CPU per heartbeat, microseconds
  double cpu_percent() const;       // the server's CPU, in percent of one core
  double bytes_per_host() const;    // the growth of the server's memory
};

/// The table that is printed at the end of a run.
std::string to_text(const Report& report);
std::string to_json(const Report& report);

/// "12.3", with this number of digits after the point.
std::string fixed(double number, int digits);

/// "1.23 ms"
std::string milliseconds(int64_t microseconds);

/// "1,234,567"
std::string with_commas(uint64_t number);

}  // namespace ops::fleet
