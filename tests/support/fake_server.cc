#include "tests/support/fake_server.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <sstream>

namespace ops::tests {

namespace {

using std::chrono::milliseconds;

constexpr int kTick = 20;  // milliseconds between two checks of whether the test is over

/// The length of the body in bytes.
size_t content_length(const FakeRequest& request) {
  const std::string text = request.header("Content-Length");
  return text.empty() ? 0 : std::stoul(text);
}

void parse_head(const std::string& head, FakeRequest& request) {
  std::istringstream lines(head);
  lines >> request.method >> request.target;
  request.headers = parse_headers(lines);
}

/// Reads one request. Returns the first bytes alone when they are not HTTP.
FakeRequest read_request(int socket, const std::atomic<bool>& over) {
  FakeRequest request;
  char buffer[65536];
  size_t head_end = std::string::npos;
  while (!over) {
    pollfd entry{socket, POLLIN, 0};
    if (::poll(&entry, 1, kTick) <= 0) continue;
    const ssize_t n = ::recv(socket, buffer, sizeof buffer, 0);
    if (n <= 0) break;
    request.bytes.append(buffer, static_cast<size_t>(n));
    if (!std::isupper(static_cast<unsigned char>(request.bytes[0]))) break;  // not HTTP
    if (head_end == std::string::npos) {
      head_end = request.bytes.find("\r\n\r\n");
      if (head_end == std::string::npos) continue;
      parse_head(request.bytes.substr(0, head_end + 2), request);
    }
    request.body = request.bytes.substr(head_end + 4);
    if (request.body.size() >= content_length(request)) break;
  }
  return request;
}

}  // namespace

bool FakePeer::send(const std::string& bytes) const {
  size_t sent = 0;
  while (sent < bytes.size()) {
    if (over_) return false;
    const ssize_t n = ::send(socket_, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n > 0) {
      sent += static_cast<size_t>(n);
    } else if (n < 0 && errno == EAGAIN) {
      pollfd entry{socket_, POLLOUT, 0};
      ::poll(&entry, 1, kTick);
    } else {
      return false;
    }
  }
  return !over_;
}

void FakePeer::drip(const std::string& bytes, milliseconds pause) const {
  for (const char byte : bytes) {
    if (!send({byte}) || is_gone(pause)) return;
  }
}

void FakePeer::stall() const {
  while (!is_gone(milliseconds(kTick))) {
  }
}

/// Whether the client closes the connection within `patience`. Drops all bytes that the client sends meanwhile.
bool FakePeer::is_gone(milliseconds patience) const {
  const auto end = std::chrono::steady_clock::now() + patience;
  do {
    pollfd entry{socket_, POLLIN | POLLRDHUP, 0};
    const auto left = std::chrono::duration_cast<milliseconds>(end - std::chrono::steady_clock::now()).count();
    if (::poll(&entry, 1, static_cast<int>(std::clamp<int64_t>(left, 0, kTick))) > 0) {
      char buffer[4096];
      if (::recv(socket_, buffer, sizeof buffer, MSG_DONTWAIT) <= 0) return true;
    }
    if (over_) return true;
  } while (std::chrono::steady_clock::now() < end);
  return false;
}

FakeServer::FakeServer(Handler handler, Opens opens)
    : listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)), handler_(std::move(handler)) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* any = reinterpret_cast<sockaddr*>(&address);
  if (::bind(listener_, any, size) != 0 || ::getsockname(listener_, any, &size) != 0) ADD_FAILURE() << "cannot bind";
  port_ = ntohs(address.sin_port);
  if (opens == Opens::at_once) open();
}

void FakeServer::open() {
  if (::listen(listener_, 64) != 0) ADD_FAILURE() << "cannot listen";
  accepting_ = std::jthread([this] { accept_all(); });
}

FakeServer::~FakeServer() {
  over_ = true;
  accepting_ = {};
  serving_.clear();
  ::close(listener_);
}

void FakeServer::accept_all() {
  while (!over_) {
    pollfd entry{listener_, POLLIN, 0};
    if (::poll(&entry, 1, kTick) <= 0) continue;
    const int socket = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (socket >= 0) serving_.emplace_back([this, socket] { serve(socket); });
  }
}

void FakeServer::serve(int socket) {
  const FakeRequest request = read_request(socket, over_);
  Handler handler;
  {
    const std::lock_guard lock(mutex_);
    requests_.push_back(request);
    handler = handler_;
  }
  handler(request, FakePeer(socket, over_));
  // close() with unread bytes resets the connection, and the client loses bytes that it has not read yet.
  ::shutdown(socket, SHUT_WR);
  ::close(socket);
}

void FakeServer::set_handler(Handler handler) {
  const std::lock_guard lock(mutex_);
  handler_ = std::move(handler);
}

std::vector<FakeRequest> FakeServer::requests() const {
  const std::lock_guard lock(mutex_);
  return requests_;
}

size_t FakeServer::count(const std::string& target) const {
  const std::lock_guard lock(mutex_);
  return static_cast<size_t>(
      std::count_if(requests_.begin(), requests_.end(), [&](const FakeRequest& request) { return request.target == target; }));
}

std::string http_head(int status, const HeaderFields& headers) {
  std::ostringstream head;
  head << "HTTP/1.1 " << status << " Reason\r\nConnection: close\r\n";
  for (const auto& [name, value] : headers) head << name << ": " << value << "\r\n";
  head << "\r\n";
  return head.str();
}

std::string http_reply(int status, const std::string& body, const HeaderFields& headers) {
  HeaderFields all = headers;
  all.emplace_back("Content-Length", std::to_string(body.size()));
  return http_head(status, all) + body;
}

std::string http_chunk(const std::string& bytes) {
  std::ostringstream chunk;
  chunk << std::hex << bytes.size() << "\r\n" << bytes << "\r\n";
  return chunk.str();
}

std::string ServedFile::reply_to(const FakeRequest& request) const {
  HeaderFields headers;
  if (!etag.empty()) headers.emplace_back("ETag", etag);
  if (!last_modified.empty()) headers.emplace_back("Last-Modified", last_modified);
  const std::string range = request.header("Range");
  const std::string condition = request.header("If-Range");
  if (!range.starts_with("bytes=") || (!condition.empty() && condition != etag && condition != last_modified)) {
    return http_reply(200, content, headers);
  }
  const size_t from = std::stoul(range.substr(6));
  const std::string size = std::to_string(content.size());
  if (from >= content.size()) return http_reply(416, "", {{"Content-Range", "bytes */" + size}});
  headers.emplace_back("Content-Range",
                       "bytes " + std::to_string(from) + "-" + std::to_string(content.size() - 1) + "/" + size);
  return http_reply(206, content.substr(from), headers);
}

}  // namespace ops::tests
