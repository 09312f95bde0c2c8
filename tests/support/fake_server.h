#pragma once

// A scripted HTTP server: the test decides every byte of a reply, so the server can stall, cut a reply short, send a wrong
// length or send without end. Each connection carries one request. Its own thread calls the handler once, and closes the
// connection when the handler returns.

#include <atomic>
#include <chrono>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/http.h"

namespace ops::tests {

/// A received request. When the bytes are not HTTP, like a TLS ClientHello, only `bytes` is set.
struct FakeRequest {
  std::string bytes;
  std::string method;
  std::string target;
  std::string body;
  HeaderFields headers;

  std::string header(const std::string& name) const { return find_header(headers, name); }
};

/// The connection to the client, as the handler uses it.
class FakePeer {
 public:
  FakePeer(int socket, const std::atomic<bool>& over) : socket_(socket), over_(over) {}

  /// False when the client has closed the connection or the test is over. A handler that loops must end then.
  bool send(const std::string& bytes) const;
  /// Sends one byte per `pause`, until the client closes the connection.
  void drip(const std::string& bytes, std::chrono::milliseconds pause) const;
  /// Sends nothing until the client closes the connection.
  void stall() const;

 private:
  bool is_gone(std::chrono::milliseconds patience) const;

  int socket_;
  const std::atomic<bool>& over_;
};

/// All objects that the handler refers to must outlive the server: a handler may run after its client has closed the
/// connection.
class FakeServer {
 public:
  using Handler = std::function<void(const FakeRequest&, const FakePeer&)>;

  enum class Opens { at_once, later };

  explicit FakeServer(Handler handler, Opens opens = Opens::at_once);
  ~FakeServer();
  FakeServer(const FakeServer&) = delete;
  FakeServer& operator=(const FakeServer&) = delete;

  /// Starts to accept connections, for a server made with Opens::later. The kernel refuses connections until then.
  void open();

  int port() const { return port_; }
  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }
  std::string url(const std::string& path) const { return "http://" + address() + path; }

  /// Sets the handler of all connections that follow.
  void set_handler(Handler handler);

  std::vector<FakeRequest> requests() const;
  /// The number of requests for this target.
  size_t count(const std::string& target) const;

 private:
  void accept_all();
  void serve(int socket);

  int listener_ = -1;
  int port_ = 0;
  std::atomic<bool> over_ = false;
  mutable std::mutex mutex_;
  Handler handler_;                    // guarded by mutex_
  std::vector<FakeRequest> requests_;  // guarded by mutex_
  std::vector<std::jthread> serving_;  // used by accepting_ only
  std::jthread accepting_;
};

/// A complete response with a Content-Length.
std::string http_reply(int status, const std::string& body, const HeaderFields& headers = {});

/// The head of a response. The test appends any body, also one that contradicts the head.
std::string http_head(int status, const HeaderFields& headers = {});

/// `bytes` as one chunk of a chunked body; "" is the end of the body.
std::string http_chunk(const std::string& bytes);

/// Serves a file with If-Range, Range and 416 as in RFC 9110, like the Go server and ops-meta.
struct ServedFile {
  std::string content;
  std::string etag;           // with its quotes; "" to send no ETag
  std::string last_modified;  // "" to send no Last-Modified

  std::string reply_to(const FakeRequest& request) const;
};

}  // namespace ops::tests
