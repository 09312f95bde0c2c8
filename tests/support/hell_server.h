#pragma once

// A server whose every byte a test decides: it stalls, cuts, lies and babbles. Each connection is one request and one call
// of the handler, in a thread of its own; when the handler returns, the connection is closed.

#include <atomic>
#include <chrono>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/http.h"

namespace ops::tests {

/// A request as it came. What is no HTTP (a TLS hello, say) has only `bytes`.
struct HellRequest {
  std::string bytes;
  std::string method;
  std::string target;
  std::string body;
  HeaderFields headers;

  std::string header(const std::string& name) const;
};

/// The client's end of a connection.
class HellPeer {
 public:
  HellPeer(int socket, const std::atomic<bool>& over) : socket_(socket), over_(over) {}

  /// False when the client has hung up or the test is over: then an endless handler should end.
  bool send(const std::string& bytes) const;
  /// Sends the bytes one by one, `pause` apart, for as long as the client takes them.
  void drip(const std::string& bytes, std::chrono::milliseconds pause) const;
  /// Says nothing more until the client hangs up.
  void stall() const;

 private:
  bool is_gone(std::chrono::milliseconds patience) const;

  int socket_;
  const std::atomic<bool>& over_;
};

/// What the handler refers to must outlive the server: a client that has hung up may still be served.
class HellServer {
 public:
  using Handler = std::function<void(const HellRequest&, const HellPeer&)>;

  enum class Opens { at_once, later };

  explicit HellServer(Handler handler, Opens opens = Opens::at_once);
  ~HellServer();
  HellServer(const HellServer&) = delete;
  HellServer& operator=(const HellServer&) = delete;

  /// Takes connections from now on, when it was to do so later; until then they are refused.
  void open();

  int port() const { return port_; }
  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }
  std::string url(const std::string& path) const { return "http://" + address() + path; }

  /// From the next connection on.
  void set_handler(Handler handler);

  std::vector<HellRequest> requests() const;
  /// How many requests there were for this target.
  size_t count(const std::string& target) const;

 private:
  void accept_all();
  void serve(int socket);

  int listener_ = -1;
  int port_ = 0;
  std::atomic<bool> over_ = false;
  mutable std::mutex mutex_;
  Handler handler_;                    // guarded by mutex_
  std::vector<HellRequest> requests_;  // guarded by mutex_
  std::vector<std::jthread> serving_;  // the accepting thread's
  std::jthread accepting_;
};

/// A whole response with a Content-Length.
std::string http_reply(int status, const std::string& body, const HeaderFields& headers = {});

/// A response's head alone; to lie about what follows.
std::string http_head(int status, const HeaderFields& headers = {});

/// `bytes` as one chunk of a chunked body; "" is the end of the body.
std::string http_chunk(const std::string& bytes);

/// Serves a file as a good server does: If-Range, Range and 416 as in RFC 9110, as the Go and cpp-httplib servers behave.
struct ServedFile {
  std::string content;
  std::string etag;           // with its quotes; "" for none
  std::string last_modified;  // "" for none

  std::string reply_to(const HellRequest& request) const;
};

}  // namespace ops::tests
