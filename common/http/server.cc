#include "common/http/server.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <optional>

#include "common/base/log.h"
#include "common/base/text.h"
#include "common/http/event_loop.h"
#include "common/http/resolver.h"

namespace ops {

namespace {

constexpr size_t kOtherFiles = 128;  // open files of the process besides connections

struct SocketAddress {
  sockaddr_storage bytes{};
  socklen_t size = 0;
};

/// Of "10.0.0.1", "::1" or "fe80::1%eth0"; nullopt for another text.
std::optional<SocketAddress> to_socket_address(const std::string& ip, int port) {
  SocketAddress address;
  auto& v4 = reinterpret_cast<sockaddr_in&>(address.bytes);
  auto& v6 = reinterpret_cast<sockaddr_in6&>(address.bytes);
  const size_t zone = ip.find('%');
  if (::inet_pton(AF_INET, ip.c_str(), &v4.sin_addr) == 1) {
    v4.sin_family = AF_INET;
    v4.sin_port = htons(static_cast<uint16_t>(port));
    address.size = sizeof v4;
  } else if (::inet_pton(AF_INET6, ip.substr(0, zone).c_str(), &v6.sin6_addr) == 1) {
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(static_cast<uint16_t>(port));
    if (zone != std::string::npos) v6.sin6_scope_id = ::if_nametoindex(ip.c_str() + zone + 1);
    address.size = sizeof v6;
  } else {
    return std::nullopt;
  }
  return address;
}

/// A socket that listens on the first of the host's addresses that is free; an error says why the last one cannot be used.
Result<Fd> open_listener(const ListenAddress& address) {
  const std::string where = cat(address.host, ":", address.port);
  std::vector<std::string> ips{address.host};
  if (!to_socket_address(address.host, address.port)) {
    auto resolved = resolve_host(address.host);
    if (!resolved) return Error{cat("cannot listen on ", where, ": ", resolved.error().message)};
    ips = std::move(*resolved);
  }
  for (const std::string& ip : ips) {
    const auto target = to_socket_address(ip, address.port);
    if (!target) continue;
    Fd socket(::socket(target->bytes.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!socket) continue;
    const int on = 1;
    ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&target->bytes), target->size) == 0 &&
        ::listen(socket.get(), SOMAXCONN) == 0) {
      return socket;
    }
  }
  return system_error("listen on", where);
}

/// A listening unix socket that only this process' user and root can connect to.
Result<Fd> open_owner_listener(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return Error{cat("cannot listen on ", path, ": the path is too long")};
  std::memcpy(address.sun_path, path.c_str(), path.size());
  Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  ::unlink(path.c_str());
  // bind(2) creates the file with the socket's mode, so other users cannot connect at any moment.
  if (!socket || ::fchmod(socket.get(), 0600) != 0 ||
      ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      ::listen(socket.get(), SOMAXCONN) != 0) {
    return system_error("listen on", path);
  }
  return socket;
}

int port_of(int socket) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  ::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size);
  return ntohs(address.ss_family == AF_INET6 ? reinterpret_cast<const sockaddr_in6&>(address).sin6_port
                                             : reinterpret_cast<const sockaddr_in&>(address).sin_port);
}

/// Raises the soft limit of open files for `wanted` connections, up to the hard limit. Returns how many connections fit. Leaves
/// a sufficient limit as it is, because child processes inherit it.
size_t allow_connections(size_t wanted) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= wanted + kOtherFiles) return wanted;
  limit.rlim_cur = std::min<rlim_t>(limit.rlim_max, wanted + kOtherFiles);
  ::setrlimit(RLIMIT_NOFILE, &limit);
  ::getrlimit(RLIMIT_NOFILE, &limit);
  if (limit.rlim_cur >= wanted + kOtherFiles) return wanted;
  const size_t possible = limit.rlim_cur > 2 * kOtherFiles ? limit.rlim_cur - kOtherFiles : limit.rlim_cur / 2;
  log::warning("this process may open ", limit.rlim_cur, " files, so it accepts at most ", possible, " connections instead of ",
               wanted, "; raise the limit with ulimit -n, or LimitNOFILE in its systemd unit");
  return possible;
}

}  // namespace

Result<ListenAddress> parse_listen_address(const std::string& text) {
  const Error error{cat("\"", one_line(text, 100), "\" is not a listen address like 0.0.0.0:2000, :2000 or [::1]:2000")};
  const size_t colon = text.rfind(':');
  if (colon == std::string::npos) return error;
  ListenAddress address;
  address.host = text.substr(0, colon);
  if (address.host.size() > 2 && address.host.front() == '[' && address.host.back() == ']') {
    address.host = address.host.substr(1, address.host.size() - 2);
  } else if (address.host.find_first_of(":[]/ ") != std::string::npos) {
    return error;
  }
  if (address.host.empty()) address.host = "0.0.0.0";
  const auto port = parse_number(std::string_view(text).substr(colon + 1));
  if (!port || *port > 65535) return error;
  address.port = static_cast<int>(*port);
  return address;
}

class HttpServer::Impl {
 public:
  Impl(Fd listener, const HttpServerOptions& options, HttpHandler handler) {
    all_.handler = std::move(handler);
    all_.options = options;
    all_.options.max_connections = allow_connections(options.max_connections);
    all_.listener = std::move(listener);
    if (options.counters != nullptr) all_.counters = options.counters;
    open_owner_socket();
    bulk_ = std::make_unique<HttpLoop>(all_, false);
    all_.bulk = bulk_.get();
    for (size_t i = 0; i < options.loops; ++i) loops_.push_back(std::make_unique<HttpLoop>(all_, true));
  }

  ~Impl() {
    if (all_.owner_listener) ::unlink(all_.options.owner_socket.c_str());
  }

  Result<void> start() {
    auto started = bulk_->start();
    for (const auto& loop : loops_) {
      if (started) started = loop->start();
    }
    return started;
  }

  int port() const { return port_of(all_.listener.get()); }

 private:
  void open_owner_socket() {
    if (all_.options.owner_socket.empty()) return;
    auto listener = open_owner_listener(all_.options.owner_socket);
    if (!listener) return log::warning(listener.error().message, "; ./control cannot reach this daemon");
    all_.owner_listener = std::move(*listener);
  }

  HttpLoops all_;
  std::unique_ptr<HttpLoop> bulk_;
  std::vector<std::unique_ptr<HttpLoop>> loops_;  // destroyed before bulk_, to which they hand over
};

HttpServer::HttpServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
HttpServer::~HttpServer() = default;

Result<std::unique_ptr<HttpServer>> HttpServer::listen(const ListenAddress& address, const HttpServerOptions& options,
                                                       HttpHandler handler) {
  auto listener = open_listener(address);
  if (!listener) return listener.error();
  auto impl = std::make_unique<Impl>(std::move(*listener), options, std::move(handler));
  if (auto started = impl->start(); !started) return started.error();
  return std::unique_ptr<HttpServer>(new HttpServer(std::move(impl)));
}

int HttpServer::port() const { return impl_->port(); }

}  // namespace ops
