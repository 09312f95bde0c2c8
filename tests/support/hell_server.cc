#include "tests/support/hell_server.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <sstream>

namespace ops::tests {

namespace {

using std::chrono::milliseconds;

constexpr int kTick = 20;  // milliseconds until it is seen that the test is over

/// How many bytes of body follow this head.
size_t content_length(const HellRequest& request) {
  const std::string text = request.header("Content-Length");
  return text.empty() ? 0 : std::stoul(text);
}

void parse_head(const std::string& head, HellRequest& request) {
  std::istringstream lines(head);
  lines >> request.method >> request.target;
  std::string line;
  std::getline(lines, line);
  while (std::getline(lines, line)) {
    if (line.ends_with('\r')) line.pop_back();
    const size_t colon = line.find(": ");
    if (colon != std::string::npos) request.headers.emplace_back(line.substr(0, colon), line.substr(colon + 2));
  }
}

/// Reads one request, or what comes instead of one.
HellRequest read_request(int socket, const std::atomic<bool>& over) {
  HellRequest request;
  char buffer[65536];
  size_t head_end = std::string::npos;
  while (!over) {
    pollfd entry{socket, POLLIN, 0};
    if (::poll(&entry, 1, kTick) <= 0) continue;
    const ssize_t n = ::recv(socket, buffer, sizeof buffer, 0);
    if (n <= 0) break;
    request.bytes.append(buffer, static_cast<size_t>(n));
    if (!std::isupper(static_cast<unsigned char>(request.bytes[0]))) break;  // no HTTP
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

std::string HellRequest::header(const std::string& name) const {
  for (const auto& [key, value] : headers) {
    if (::strcasecmp(key.c_str(), name.c_str()) == 0) return value;
  }
  return {};
}

bool HellPeer::send(const std::string& bytes) const {
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

void HellPeer::drip(const std::string& bytes, milliseconds pause) const {
  for (const char byte : bytes) {
    if (!send({byte}) || is_gone(pause)) return;
  }
}

void HellPeer::stall() const {
  while (!is_gone(milliseconds(kTick))) {
  }
}

/// Whether the client hangs up within `patience`. What it sends meanwhile is dropped.
bool HellPeer::is_gone(milliseconds patience) const {
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

HellServer::HellServer(Handler handler, Opens opens)
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

void HellServer::open() {
  if (::listen(listener_, 64) != 0) ADD_FAILURE() << "cannot listen";
  accepting_ = std::jthread([this] { accept_all(); });
}

HellServer::~HellServer() {
  over_ = true;
  accepting_ = {};
  serving_.clear();
  ::close(listener_);
}

void HellServer::accept_all() {
  while (!over_) {
    pollfd entry{listener_, POLLIN, 0};
    if (::poll(&entry, 1, kTick) <= 0) continue;
    const int socket = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (socket >= 0) serving_.emplace_back([this, socket] { serve(socket); });
  }
}

void HellServer::serve(int socket) {
  const HellRequest request = read_request(socket, over_);
  Handler handler;
  {
    const std::lock_guard lock(mutex_);
    requests_.push_back(request);
    handler = handler_;
  }
  handler(request, HellPeer(socket, over_));
  // A close with unread bytes would reset the connection, and take what was sent back from the client.
  ::shutdown(socket, SHUT_WR);
  ::close(socket);
}

void HellServer::set_handler(Handler handler) {
  const std::lock_guard lock(mutex_);
  handler_ = std::move(handler);
}

std::vector<HellRequest> HellServer::requests() const {
  const std::lock_guard lock(mutex_);
  return requests_;
}

size_t HellServer::count(const std::string& target) const {
  const std::lock_guard lock(mutex_);
  return static_cast<size_t>(
      std::count_if(requests_.begin(), requests_.end(), [&](const HellRequest& request) { return request.target == target; }));
}

std::string http_head(int status, const HeaderFields& headers) {
  std::ostringstream head;
  head << "HTTP/1.1 " << status << " Whatever\r\nConnection: close\r\n";
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

std::string ServedFile::reply_to(const HellRequest& request) const {
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
