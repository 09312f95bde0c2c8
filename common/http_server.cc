#include "common/http_server.h"

#include <httplib.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <charconv>
#include <chrono>
#include <mutex>
#include <set>
#include <thread>

#include "common/log.h"

namespace ops {

namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr auto kRequestDeadline = std::chrono::seconds(10);
constexpr auto kWriteStall = std::chrono::seconds(30);
constexpr auto kLinger = milliseconds(500);
constexpr size_t kMaxQueuedConnections = 8192;

/// Waits until the socket is ready for `events`; false at the deadline or when the wait fails.
bool wait_for(int socket, short events, Clock::time_point deadline) {
  for (;;) {
    const auto left = std::chrono::ceil<milliseconds>(deadline - Clock::now()).count();
    if (left <= 0) return false;
    pollfd entry{socket, events, 0};
    const int ready = ::poll(&entry, 1, static_cast<int>(left));
    if (ready > 0) return true;
    if (ready < 0 && errno != EINTR) return false;
  }
}

/// One connection as httplib sees it. Reads through a buffer, and gathers the small writes of a reply into one send.
class BufferedStream : public httplib::Stream {
 public:
  explicit BufferedStream(int socket) : socket_(socket), request_deadline_(Clock::now() + kRequestDeadline) {}

  bool is_readable() const override { return true; }
  bool is_writable() const override { return !failed_; }
  socket_t socket() const override { return socket_; }
  void get_remote_ip_and_port(std::string& ip, int& port) const override {
    httplib::detail::get_remote_ip_and_port(socket_, ip, port);
  }
  void get_local_ip_and_port(std::string& ip, int& port) const override {
    httplib::detail::get_local_ip_and_port(socket_, ip, port);
  }

  ssize_t read(char* to, size_t size) override {
    if (read_begin_ == read_end_ && !fill()) return -1;
    const size_t n = std::min(size, read_end_ - read_begin_);
    std::copy_n(read_buffer_ + read_begin_, n, to);
    read_begin_ += n;
    return static_cast<ssize_t>(n);
  }

  ssize_t write(const char* from, size_t size) override {
    write_buffer_.append(from, size);
    if (write_buffer_.size() >= kFlushSize && !flush()) return -1;
    return static_cast<ssize_t>(size);
  }

  bool flush() {
    size_t sent = 0;
    while (sent < write_buffer_.size() && !failed_) {
      const ssize_t n = ::send(socket_, write_buffer_.data() + sent, write_buffer_.size() - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
      if (n > 0) {
        sent += static_cast<size_t>(n);
      } else if (errno == EAGAIN) {
        failed_ = !wait_for(socket_, POLLOUT, Clock::now() + kWriteStall);
      } else if (errno != EINTR) {
        failed_ = true;
      }
    }
    write_buffer_.clear();
    return !failed_;
  }

 private:
  static constexpr size_t kFlushSize = 64 << 10;

  bool fill() {
    for (;;) {
      const ssize_t n = ::recv(socket_, read_buffer_, sizeof read_buffer_, MSG_DONTWAIT);
      if (n > 0) {
        read_begin_ = 0;
        read_end_ = static_cast<size_t>(n);
        return true;
      }
      if (n == 0) return false;
      if (errno == EINTR) continue;
      // What was said so far goes out first: the client may wait for a "100 Continue".
      if (errno != EAGAIN || !flush() || !wait_for(socket_, POLLIN, request_deadline_)) return false;
    }
  }

  const int socket_;
  const Clock::time_point request_deadline_;
  char read_buffer_[4096];
  size_t read_begin_ = 0;
  size_t read_end_ = 0;
  std::string write_buffer_;
  bool failed_ = false;
};

/// "a=1&b=two+words": a key without "=" has the value "".
std::vector<std::pair<std::string, std::string>> parse_query(const std::string& target) {
  std::vector<std::pair<std::string, std::string>> query;
  for (size_t at = target.find('?'); at < target.size();) {
    const size_t end = std::min(target.find('&', at + 1), target.size());
    const std::string entry = target.substr(at + 1, end - at - 1);
    const size_t equals = std::min(entry.find('='), entry.size());
    const std::string value = equals < entry.size() ? entry.substr(equals + 1) : "";
    if (!entry.empty()) {
      query.emplace_back(httplib::detail::decode_url(entry.substr(0, equals), true), httplib::detail::decode_url(value, true));
    }
    at = end;
  }
  return query;
}

HttpRequest to_request(const httplib::Request& from) {
  HttpRequest request;
  request.method = from.method;
  request.path = httplib::detail::decode_url(from.target.substr(0, from.target.find('?')), false);
  request.query = parse_query(from.target);
  request.headers.assign(from.headers.begin(), from.headers.end());
  request.body = from.body;
  request.peer = from.remote_addr;
  return request;
}

/// Hands the file to httplib piece by piece, as fast as the client takes it.
void stream_file(const FileBody& body, const std::string& content_type, httplib::Response& to) {
  to.set_content_provider(static_cast<size_t>(body.length), content_type,
                          [body](size_t done, size_t left, httplib::DataSink& sink) {
                            char buffer[64 << 10];
                            const auto offset = static_cast<off_t>(body.offset + done);
                            const ssize_t n = ::pread(body.file->get(), buffer, std::min(sizeof buffer, left), offset);
                            // A file that became shorter under us: the reply can only be cut off.
                            return n > 0 && sink.write(buffer, static_cast<size_t>(n));
                          });
}

void fill_response(HttpResponse from, httplib::Response& to) {
  to.status = from.status;
  for (const auto& [name, value] : from.headers) to.set_header(name, value);
  if (from.file_body.file && from.file_body.length > 0) {
    stream_file(from.file_body, from.content_type, to);
  } else if (from.stream) {
    to.set_chunked_content_provider(from.content_type, [stream = std::move(from.stream)](size_t, httplib::DataSink& sink) {
      std::string piece;
      const bool more = stream(piece);
      const bool sent = sink.write(piece.data(), piece.size());
      if (!more) sink.done();
      return sent;
    });
  } else {
    to.body = std::move(from.body);
    to.set_header("Content-Type", from.content_type);
  }
}

bool same_header_name(std::string_view a, std::string_view b) { return to_lower(a) == to_lower(b); }

}  // namespace

std::string HttpRequest::header(std::string_view name) const {
  for (const auto& [key, value] : headers) {
    if (same_header_name(key, name)) return value;
  }
  return {};
}

std::string HttpRequest::parameter(std::string_view key) const {
  for (const auto& [name, value] : query) {
    if (name == key) return value;
  }
  return {};
}

HttpResponse HttpResponse::text(int status, std::string body) {
  HttpResponse response;
  response.status = status;
  response.body = std::move(body);
  return response;
}

HttpResponse HttpResponse::json(std::string body) {
  HttpResponse response;
  response.content_type = "application/json; charset=UTF-8";
  response.body = std::move(body);
  return response;
}

HttpResponse HttpResponse::redirect(const std::string& location) {
  HttpResponse response = text(301, "");
  response.headers.emplace_back("Location", location);
  return response;
}

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
  const char* end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data() + colon + 1, end, address.port);
  if (parsed.ec != std::errc() || parsed.ptr != end || address.port < 0 || address.port > 65535) return error;
  return address;
}

class HttpServer::Impl : public httplib::Server {
 public:
  Impl(const HttpServerOptions& options, HttpHandler handler) : options_(options), handler_(std::move(handler)) {
    new_task_queue = [this] { return new httplib::ThreadPool(options_.threads, kMaxQueuedConnections); };
    set_tcp_nodelay(true);
    set_payload_max_length(options_.max_body);
    // httplib's own choice, SO_REUSEPORT, would let two daemons share a port without a word.
    set_socket_options([](socket_t sock) {
      const int on = 1;
      ::setsockopt(sock, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    });
    set_expect_100_continue_handler([this](const auto& request, auto& response) {
      if (!is_too_large(request)) return 100;
      return response.status = 413;
    });
    set_pre_routing_handler([this](const auto& request, auto& response) { return route_head(request, response); });
    Post("/", [this](const auto& request, auto& response) { answer(request, response); });
    set_error_handler([](const auto&, auto& response) {
      if (!response.body.empty()) return;
      response.body = cat(response.status, " ", httplib::status_message(response.status), "\n");
      response.set_header("Content-Type", "text/plain; charset=UTF-8");
    });
    set_exception_handler([](const auto& request, auto& response, std::exception_ptr failure) {
      try {
        std::rethrow_exception(failure);
      } catch (const std::exception& exception) {
        log::error("request ", request.method, " ", request.target, " failed: ", exception.what());
      }
      response.status = 500;
    });
  }

  ~Impl() override {
    stop();
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
      for (const int connection : connections_) ::shutdown(connection, SHUT_RDWR);
    }
    if (acceptor_.joinable()) acceptor_.join();
  }

  Result<void> start(const ListenAddress& address) {
    errno = 0;
    port_ = address.port == 0 ? bind_to_any_port(address.host) : (bind_to_port(address.host, address.port) ? address.port : -1);
    if (port_ < 0) {
      const std::string where = cat(address.host, ":", address.port);
      if (errno == 0) return Error{cat("cannot listen on ", where, ": the host name can't be resolved")};
      return system_error("listen on", where);
    }
    acceptor_ = std::thread([this] { listen_after_bind(); });
    wait_until_ready();
    return {};
  }

  int port() const { return port_; }

 private:
  bool process_and_close_socket(socket_t socket) override {
    if (enter(socket)) {
      BufferedStream stream(socket);
      std::string peer;
      int port = 0;
      httplib::detail::get_remote_ip_and_port(socket, peer, port);
      bool closed = false;
      process_request(stream, peer, port, {}, 0, /*close_connection=*/true, closed, prepare);
      if (stream.flush()) linger(socket);
      leave(socket);
    }
    ::close(socket);
    return true;
  }

  bool enter(int socket) {
    const std::lock_guard lock(mutex_);
    if (!stopping_) connections_.insert(socket);
    return !stopping_;
  }

  void leave(int socket) {
    const std::lock_guard lock(mutex_);
    connections_.erase(socket);
  }

  /// Lets the reply reach a client that is still sending: closing on unread bytes would reset the connection.
  static void linger(int socket) {
    ::shutdown(socket, SHUT_WR);
    const auto deadline = Clock::now() + kLinger;
    char unread[4096];
    while (wait_for(socket, POLLIN, deadline) && ::recv(socket, unread, sizeof unread, MSG_DONTWAIT) > 0) {
    }
  }

  /// Undoes what httplib would do on its own account, before it does it.
  static void prepare(httplib::Request& request) {
    request.ranges.clear();                 // whoever serves a file knows whether a range still fits
    request.headers.erase("Content-Type");  // forms get a smaller limit and another parser
    if (!request.has_header("Content-Length") && !request.has_header("Transfer-Encoding")) {
      request.set_header("Content-Length", "0");  // else a body without a length is read until the client hangs up
    }
    request.path = "/";  // our one route; to_request takes the path from the target
  }

  /// Answers what has no body without reading one; only a POST of a decent size goes on to be read.
  httplib::Server::HandlerResponse route_head(const httplib::Request& request, httplib::Response& response) {
    constexpr auto kDone = httplib::Server::HandlerResponse::Handled;
    if (request.method == "GET" || request.method == "HEAD") {
      answer(request, response);
      return kDone;
    }
    if (request.method != "POST") {
      response.status = 405;
      response.set_header("Allow", "GET, HEAD, POST");
      return kDone;
    }
    if (is_too_large(request)) {
      response.status = 413;
      return kDone;
    }
    return httplib::Server::HandlerResponse::Unhandled;
  }

  bool is_too_large(const httplib::Request& request) const {
    return request.get_header_value_u64("Content-Length") > options_.max_body;
  }

  void answer(const httplib::Request& request, httplib::Response& response) {
    fill_response(handler_(to_request(request)), response);
  }

  const HttpServerOptions options_;
  const HttpHandler handler_;
  int port_ = -1;
  std::thread acceptor_;

  std::mutex mutex_;
  bool stopping_ = false;      // guarded by mutex_
  std::set<int> connections_;  // guarded by mutex_
};

HttpServer::HttpServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
HttpServer::~HttpServer() = default;

Result<std::unique_ptr<HttpServer>> HttpServer::listen(const ListenAddress& address, const HttpServerOptions& options,
                                                       HttpHandler handler) {
  auto impl = std::make_unique<Impl>(options, std::move(handler));
  if (auto started = impl->start(address); !started) return started.error();
  return std::unique_ptr<HttpServer>(new HttpServer(std::move(impl)));
}

int HttpServer::port() const { return impl_->port(); }

}  // namespace ops
