#pragma once

// Clients that stall, thousands of them, to see whether heartbeats still pass. Each comes back when it is hung up on.

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "tests/fleet/sockets.h"

namespace ops::fleet {

enum class Stall {
  connect,  // connects, and says nothing
  headers,  // sends a byte of a header a second
  body,     // sends a byte of a heartbeat's body a second
  reader,   // asks for something long, and doesn't read it
  keep      // sends a heartbeat, reads the reply, and keeps the connection
};

inline constexpr std::array kAllStalls{Stall::connect, Stall::headers, Stall::body, Stall::reader, Stall::keep};

std::string_view to_string(Stall stall);
std::optional<Stall> parse_stall(std::string_view text);

struct StallOptions {
  Target target;
  Stall mode = Stall::connect;
  size_t clients = 1000;
  std::string path = "/status/text/falcon-agent";  // that the reader asks for
  double pause = 0;                                // seconds, x (0.5 ... 1.5), before a client that was hung up on comes back
  double duration = 60;                            // seconds
  const std::atomic<bool>* stop = nullptr;         // ends the run early
  std::function<void(const std::string& line)> progress;
  double progress_every = 0;                // seconds; 0: never
  std::atomic<size_t>* standing = nullptr;  // how many connections stand now, for another thread to see
};

struct StallReport {
  uint64_t opened = 0;   // connections that stood
  uint64_t refused = 0;  // connections that failed
  uint64_t hung_up = 0;  // by the server
  uint64_t replies = 0;  // of keep
  size_t open = 0;       // at the end
  size_t most_open = 0;
  double seconds = 0;
};

StallReport run_stall(const StallOptions& options);

std::string to_text(const StallReport& report);

}  // namespace ops::fleet
