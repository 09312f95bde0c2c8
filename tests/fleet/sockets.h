#pragma once

// Plain non-blocking TCP to one server.

#include <netinet/in.h>

#include <cstdint>
#include <string>

#include "common/base/result.h"

namespace ops::fleet {

struct Target {
  sockaddr_in address{};
  std::string text;  // as given, for the Host header

  bool is_loopback() const;
};

/// "127.0.0.1:2000" or "localhost:2000"; no other names, and no IPv6.
Result<Target> parse_target(const std::string& text);

/// Raises this process's limit of open files to the hard one, and returns that.
size_t raise_file_limit();

/// Opens connections. To a loopback target they come from thousands of addresses in 127.0.0.0/8 by turns: one address has
/// 28,000 ports, and each stays taken for a minute after its connection.
class Dialer {
 public:
  explicit Dialer(const Target& target) : target_(target), many_sources_(target.is_loopback()) {}

  /// A socket that is connected or on its way; -errno on failure. With a `receive_buffer`, the kernel takes in no more.
  int dial(int receive_buffer = 0);

 private:
  Target target_;
  bool many_sources_;
  uint32_t turn_ = 0;
};

/// Why the socket is broken, an errno; 0 when it isn't.
int socket_error(int fd);

/// "connection refused", "reset", "no ports or files left" …: a short kind, to count by.
std::string kind_of(int error);

/// Microseconds of a clock that only goes forward.
int64_t now_us();

}  // namespace ops::fleet
