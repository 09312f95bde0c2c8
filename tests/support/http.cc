#include "tests/support/http.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <sstream>

namespace ops::tests {

std::string find_header(const HeaderFields& headers, const std::string& name) {
  for (const auto& [key, value] : headers) {
    if (::strcasecmp(key.c_str(), name.c_str()) == 0) return value;
  }
  return {};
}

HeaderFields parse_headers(std::istream& lines) {
  HeaderFields headers;
  for (std::string line; std::getline(lines, line);) {
    if (line.ends_with('\r')) line.pop_back();
    const size_t colon = line.find(": ");
    if (colon != std::string::npos) headers.emplace_back(line.substr(0, colon), line.substr(colon + 2));
  }
  return headers;
}

RawConnection::RawConnection(int port) : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  connect(&address, sizeof address);
}

RawConnection::RawConnection(const std::string& path) : socket_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
  connect(&address, sizeof address);
}

void RawConnection::connect(const void* address, size_t size) {
  if (::connect(socket_, static_cast<const sockaddr*>(address), static_cast<socklen_t>(size)) == 0) return;
  ::close(socket_);
  socket_ = -1;
}

RawConnection::~RawConnection() {
  if (socket_ >= 0) ::close(socket_);
}

bool RawConnection::send(const std::string& bytes) const {
  size_t sent = 0;
  while (sent < bytes.size()) {
    const ssize_t n = ::send(socket_, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
    if (n <= 0) return false;
    sent += static_cast<size_t>(n);
  }
  return true;
}

void RawConnection::end_sending() const { ::shutdown(socket_, SHUT_WR); }

std::string RawConnection::read_all(int milliseconds) const { return read_until("", milliseconds); }

std::string RawConnection::read_some(int milliseconds) const {
  char buffer[65536];
  pollfd entry{socket_, POLLIN, 0};
  if (socket_ < 0 || ::poll(&entry, 1, milliseconds) <= 0) return {};
  const ssize_t n = ::recv(socket_, buffer, sizeof buffer, 0);
  return n <= 0 ? std::string() : std::string(buffer, static_cast<size_t>(n));
}

std::string RawConnection::read_until(const std::string& text, int milliseconds) const {
  std::string bytes;
  while (text.empty() || bytes.find(text) == std::string::npos) {
    const std::string piece = read_some(milliseconds);
    if (piece.empty()) break;
    bytes += piece;
  }
  return bytes;
}

int free_port() {
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ::bind(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address);
  socklen_t size = sizeof address;
  ::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size);
  ::close(socket);
  return ntohs(address.sin_port);
}

namespace {

/// Decodes a chunked body. Stops at the last complete chunk when the body is malformed or cut short.
std::string join_chunks(const std::string& chunks) {
  std::string body;
  for (size_t at = 0;;) {
    const size_t line_end = chunks.find("\r\n", at);
    if (line_end == std::string::npos) return body;
    const size_t size = std::strtoul(chunks.c_str() + at, nullptr, 16);
    if (size == 0 || line_end + 2 + size > chunks.size()) return body;
    body.append(chunks, line_end + 2, size);
    at = line_end + 2 + size + 2;
  }
}

}  // namespace

HttpReply parse_reply(const std::string& bytes) {
  HttpReply reply;
  const size_t head_end = bytes.find("\r\n\r\n");
  if (head_end == std::string::npos) return reply;
  std::istringstream head(bytes.substr(0, head_end + 2));
  std::string protocol;
  head >> protocol >> reply.status;
  reply.headers = parse_headers(head);
  reply.body = bytes.substr(head_end + 4);
  if (reply.header("Transfer-Encoding") == "chunked") reply.body = join_chunks(reply.body);
  return reply;
}

HttpReply http(int port, const std::string& method, const std::string& target, const std::string& body,
               const HeaderFields& headers) {
  std::ostringstream request;
  request << method << ' ' << target << " HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n";
  for (const auto& [name, value] : headers) request << name << ": " << value << "\r\n";
  if (method != "GET" && method != "HEAD") request << "Content-Length: " << body.size() << "\r\n";
  request << "\r\n" << body;
  const RawConnection connection(port);
  connection.send(request.str());
  return parse_reply(connection.read_all());
}

}  // namespace ops::tests
