#pragma once

// A small HTTP/1.1 server: cpp-httplib with what it lacks at this size mended (DESIGN names the faults). One handler gets
// every request; the daemons route by path themselves, in plain code that tests call without a socket.

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "common/file.h"
#include "common/result.h"

namespace ops {

struct HttpRequest {
  std::string method;  // GET, HEAD, POST …; a HEAD's response is made as for GET, its body is not sent
  std::string path;    // percent-decoded; may hold anything, "..", NUL and newlines included
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  std::string peer;                                        // the client's IP address
  std::vector<std::pair<std::string, std::string>> query;  // what follows the "?", decoded, in its order

  /// The first header of that name, compared without case; "" when there is none.
  std::string header(std::string_view name) const;

  /// The first value of that key in the query; "" when there is none.
  std::string parameter(std::string_view key) const;
};

/// A part of an open file as a response's body.
struct FileBody {
  std::shared_ptr<const Fd> file;
  uint64_t offset = 0;
  uint64_t length = 0;
};

/// Appends the next piece of a body to `to`; false when that was the last one. Called by one thread at a time, as fast as the
/// client reads, each time with an empty `to`. Pieces of about kPieceSize keep the server's memory and its other clients'
/// waiting small; an empty piece is allowed.
using BodyStream = std::function<bool(std::string& to)>;
inline constexpr size_t kPieceSize = 64 << 10;

struct HttpResponse {
  int status = 200;
  std::string content_type = "text/plain; charset=UTF-8";
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers;
  FileBody file_body;  // with a file, this is the body; it is streamed, never held in memory whole
  BodyStream stream;   // with a function, this is the body

  static HttpResponse text(int status, std::string body);
  static HttpResponse json(std::string body);
  static HttpResponse redirect(const std::string& location);
};

/// Called from several threads at once.
using HttpHandler = std::function<HttpResponse(const HttpRequest&)>;

struct ListenAddress {
  std::string host;  // "0.0.0.0" when the text names none
  int port = 0;

  bool operator==(const ListenAddress&) const = default;
};

/// "127.0.0.1:2000", ":2000", "localhost:2000", "[::1]:2000". Port 0 lets the kernel choose.
Result<ListenAddress> parse_listen_address(const std::string& text);

struct HttpServerOptions {
  size_t threads = 128;       // a client that stalls holds one for up to 10 s, a download for as long as it takes
  size_t max_body = 1 << 20;  // bytes; a request that says it has more gets 413 before it sends them
};

/// Listens from construction to destruction. A client has 10 s to send its request, and 30 s without progress end a
/// reply; connections close after one reply, so that nobody's silence holds a thread.
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
