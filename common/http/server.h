#pragma once

// A small HTTP/1.1 server. One handler gets every request; the daemons route by path themselves, in plain code that tests
// call without a socket.
//
// No thread ever waits for a client: a few event loops (event_loop.h) gather requests and send replies as the clients allow,
// so that thousands of silent, slow or vanished ones cost a descriptor and some bytes each, and no heartbeat. The
// alternative, a thread for each connection as in cpp-httplib, lets so many clients stall it as it has threads.
//
//   a request                 whole within 10 s of the connect, or of the reply before it; else we hang up
//   kept between requests     5 s, and only while fewer than three quarters of max_connections are open
//   a reply                   30 s without progress; then we hang up
//   past max_connections      whoever is kept, or has said nothing for a second, goes, the longest silent first; when there is
//                             nobody, new ones wait to be accepted; but never the daemon's owner, on its own socket

#include <atomic>
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

/// What a server counts, for whoever wants to know.
struct HttpCounters {
  std::atomic<size_t> connections = 0;   // open now
  std::atomic<uint64_t> file_bytes = 0;  // sent of files
};

struct HttpServerOptions {
  size_t loops = 2;                  // threads that take requests; one more sends files and streams
  size_t max_connections = 16384;    // fewer when the process may not open so many files, with a warning in the log
  size_t max_body = 1 << 20;         // bytes; a request that says it has more gets 413 before it sends them
  const TlsServer* tls = nullptr;    // when it is on, connections must speak TLS; borrowed
  std::string owner_socket;          // path of a unix socket for the daemon's owner (HttpRequest::from_owner); "" for none
  HttpCounters* counters = nullptr;  // kept up to date as long as the server lives; nullptr: nobody wants to know
};

/// Listens from construction to destruction. An owner's socket that can't be made is a warning in the log; one that is there
/// already is replaced, so whoever asks for it must know that no other process uses that path.
class HttpServer {
 public:
  static Result<std::unique_ptr<HttpServer>> listen(const ListenAddress& address, const HttpServerOptions& options,
                                                    HttpHandler handler);
  /// Ends open connections at once.
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
