#pragma once

// Thousands of slow clients (Slowloris) that hold connections of ops-meta, while a test sends heartbeats. When the server
// closes a connection, the client opens a new one.

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "tests/fleet/client_sockets.h"

namespace ops::fleet {

/// The behaviour of a client after it has connected.
enum class SlowMode {
  connect,  // sends nothing
  headers,  // sends one byte of a header per second
  body,     // sends one byte of a heartbeat's body per second
  reader,   // requests a large body and does not read it
  keep      // sends a heartbeat, reads the reply and keeps the connection
};

inline constexpr std::array kAllSlowModes{SlowMode::connect, SlowMode::headers, SlowMode::body, SlowMode::reader,
                                          SlowMode::keep};

std::string_view to_string(SlowMode mode);
std::optional<SlowMode> parse_slow_mode(std::string_view text);

struct SlowClientOptions {
  Target target;
  SlowMode mode = SlowMode::connect;
  size_t clients = 1000;
  std::string path = "/status/text/falcon-agent";  // the request of SlowMode::reader
  double pause = 0;                         // seconds, x (0.5 ... 1.5), from a close by the server to the next connection
  double duration = 60;                     // seconds
  const std::atomic<bool>* stop = nullptr;  // ends the run early
  std::function<void(const std::string& line)> progress;
  double progress_every = 0;            // seconds; 0: never
  std::atomic<size_t>* open = nullptr;  // the current number of open connections, for other threads
};

struct SlowClientReport {
  uint64_t opened = 0;   // connections that were established
  uint64_t refused = 0;  // connections that were not established
  uint64_t closed = 0;   // connections that the server closed
  uint64_t replies = 0;  // replies to SlowMode::keep
  size_t open = 0;       // open connections at the end
  size_t most_open = 0;
  double seconds = 0;
};

SlowClientReport run_slow_clients(const SlowClientOptions& options);

std::string to_text(const SlowClientReport& report);

}  // namespace ops::fleet
