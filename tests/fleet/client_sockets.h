#pragma once

// Non-blocking TCP connections to one server, their errors and a clock.

#include <netinet/in.h>

#include <cstdint>
#include <string>

#include "common/base/result.h"

namespace ops::fleet {

/// The address of the server.
struct Target {
  sockaddr_in address{};
  std::string text;  // HOST:PORT as given, for the Host header

  bool is_loopback() const;
};

/// Parses "127.0.0.1:2000" or "localhost:2000". Other names and IPv6 addresses are errors.
Result<Target> parse_target(const std::string& text);

/// Raises this process's limit of open files to the hard limit, and returns it.
size_t raise_file_limit();

/// Opens connections. For a loopback target, the source address rotates through 4,096 addresses in 127.0.0.0/8: one address has
/// only 28,000 ports, and a port stays in TIME_WAIT for one minute.
class Dialer {
 public:
  explicit Dialer(const Target& target) : target_(target), many_sources_(target.is_loopback()) {}

  /// Returns a non-blocking socket that is connected or connecting, or -errno. The caller closes it. A `receive_buffer` above 0
  /// sets SO_RCVBUF, in bytes.
  int dial(int receive_buffer = 0);

 private:
  Target target_;
  bool many_sources_;
  uint32_t turn_ = 0;
};

/// The pending error of the socket, an errno; 0 when there is none.
int socket_error(int fd);

/// A short name of an errno, under which a report counts it: "connection refused", "reset", …
std::string error_kind(int error);

/// Microseconds of a monotonic clock.
int64_t now_us();

}  // namespace ops::fleet
