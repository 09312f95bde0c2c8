#pragma once

// A small HTTP/1.1 server. One handler gets every request; the daemons route by path themselves, in plain code that tests call
// without a socket.
//
// Why not a library: one ops-meta serves a million hosts, which is 3,334 heartbeats a second, most of them on new connections,
// and it must do so beside thousands of clients that send or read slowly, or never. A server with a thread for each connection,
// like cpp-httplib, is stalled by as many such clients as it has threads, and spent 19 system calls on a request where 8 do.
// Here a few event loops (event_loop.h) receive requests and send responses without blocking, and a stalled client costs a
// descriptor and some bytes. A heartbeat on a new connection takes 33 us of CPU in all, where nginx takes 36 us to send a fixed
// response of that size; a million hosts take 22.5 % of a core, with a p99 of 5.7 ms (meta/README.md, "Scale"). `./control
// bench scale` also runs 1,000 heartbeats a second beside 5,000 stalled clients of each kind and beside 15,000 idle
// connections, and fails when their p99 exceeds 100 ms.
//
//   a request                must be complete 10 s after the server accepted the connection. On a keep-alive connection: 10 s
//                            after the request's first byte
//   a keep-alive connection  may be idle for `keep_alive`. It is kept only while fewer than three quarters of max_connections
//                            are open
//   a response               may make no progress for 30 s
//   at max_connections       the server closes idle keep-alive connections and connections whose request has been incomplete
//                            for 1 s, the oldest first. If there is no such connection, new ones wait in the kernel's queue.
//                            The server always accepts the daemon's owner, on the owner socket

#include <atomic>
#include <chrono>
#include <memory>
#include <string>

#include "common/base/result.h"
#include "common/http/message.h"

namespace ops {

class TlsServer;

struct ListenAddress {
  std::string host;  // "0.0.0.0" when the text names none
  int port = 0;

  bool operator==(const ListenAddress&) const = default;
};

/// "127.0.0.1:2000", ":2000", "localhost:2000", "[::1]:2000". Port 0 lets the kernel choose.
Result<ListenAddress> parse_listen_address(const std::string& text);

/// For metrics.
struct HttpCounters {
  std::atomic<size_t> connections = 0;   // open now
  std::atomic<uint64_t> file_bytes = 0;  // bytes of files that were sent
};

struct HttpServerOptions {
  size_t loops = 2;                // threads that receive requests; one more sends files and streams
  size_t max_connections = 16384;  // lowered, with a warning in the log, when the process may not open so many files
  // Longer than the idle timeouts of proxies and load balancers (nginx and AWS 60 s, HAProxy 50 s): they must close first. A
  // proxy that sends a request while the server closes the connection answers its client with a 502.
  std::chrono::seconds keep_alive{75};
  size_t max_body = 1 << 20;       // bytes; a request that announces a larger body gets a 413 at once
  const TlsServer* tls = nullptr;  // borrowed; when it is on, TCP connections must speak TLS
  std::string owner_socket;        // path of a unix socket for the daemon's owner (HttpRequest::from_owner); "": no such socket
  HttpCounters* counters = nullptr;  // borrowed; updated as long as the server lives
};

/// Listens from construction to destruction. If the owner socket cannot be created, the server logs a warning and goes on
/// without it. An existing file at its path is replaced: the caller ensures that no other process uses that path.
class HttpServer {
 public:
  static Result<std::unique_ptr<HttpServer>> listen(const ListenAddress& address, const HttpServerOptions& options,
                                                    HttpHandler handler);
  /// Closes open connections at once.
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  int port() const;

 private:
  class Impl;
  explicit HttpServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace ops
