#include "tests/fleet/client_sockets.h"

#include <arpa/inet.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>

#include "common/http/server.h"

namespace ops::fleet {

namespace {

constexpr uint32_t kFirstSource = 0x7f010001;  // 127.1.0.1
constexpr uint32_t kSources = 4096;

#ifndef IP_BIND_ADDRESS_NO_PORT
#define IP_BIND_ADDRESS_NO_PORT 24
#endif

/// Binds the source address. connect() chooses the port, which must be free for this peer only.
void bind_source(int fd, uint32_t address) {
  const int on = 1;
  ::setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
  sockaddr_in source{};
  source.sin_family = AF_INET;
  source.sin_addr.s_addr = htonl(address);
  (void)::bind(fd, reinterpret_cast<const sockaddr*>(&source), sizeof source);  // on failure the kernel chooses
}

}  // namespace

bool Target::is_loopback() const { return (ntohl(address.sin_addr.s_addr) >> 24) == 127; }

Result<Target> parse_target(const std::string& text) {
  const auto parsed = parse_listen_address(text);
  if (!parsed) return parsed.error();
  Target target;
  target.text = text;
  target.address.sin_family = AF_INET;
  target.address.sin_port = htons(static_cast<uint16_t>(parsed->port));
  const std::string host = parsed->host == "localhost" ? "127.0.0.1" : parsed->host;
  if (::inet_pton(AF_INET, host.c_str(), &target.address.sin_addr) != 1) {
    return Error{cat("\"", text, "\" is not an IPv4 address and port like 127.0.0.1:2000")};
  }
  return target;
}

size_t raise_file_limit() {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
  ::getrlimit(RLIMIT_NOFILE, &limit);
  return limit.rlim_cur;
}

int Dialer::dial(int receive_buffer) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return -errno;
  if (receive_buffer > 0) ::setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
  if (many_sources_) bind_source(fd, kFirstSource + turn_++ % kSources);
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&target_.address), sizeof target_.address) != 0 && errno != EINPROGRESS) {
    const int error = errno;
    ::close(fd);
    return -error;
  }
  return fd;
}

int socket_error(int fd) {
  int error = 0;
  socklen_t size = sizeof error;
  return ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0 ? error : errno;
}

std::string error_kind(int error) {
  switch (error) {
    case ECONNREFUSED: return "connection refused";
    case ECONNRESET:
    case EPIPE: return "reset";
    case ETIMEDOUT: return "connect timed out";
    case EMFILE:
    case ENFILE:
    case EADDRNOTAVAIL: return "no ports or files left here";
    default: return std::strerror(error);
  }
}

int64_t now_us() {
  using namespace std::chrono;
  return duration_cast<microseconds>(steady_clock::now().time_since_epoch()).count();
}

}  // namespace ops::fleet
