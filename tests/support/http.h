#pragma once

// A plain HTTP client for tests, and raw bytes for what no client would send. Loopback only.

#include <string>
#include <utility>
#include <vector>

namespace ops::tests {

using HeaderFields = std::vector<std::pair<std::string, std::string>>;

struct HttpReply {
  int status = 0;  // 0: no reply
  HeaderFields headers;
  std::string body;

  /// "" when there is no such field; names are compared without case.
  std::string header(const std::string& name) const;
};

HttpReply http(int port, const std::string& method, const std::string& target, const std::string& body = "",
               const HeaderFields& headers = {});

inline HttpReply get(int port, const std::string& target, const HeaderFields& headers = {}) {
  return http(port, "GET", target, "", headers);
}

/// A connection that says just what it is told.
class RawConnection {
 public:
  explicit RawConnection(int port);
  /// To a unix socket.
  explicit RawConnection(const std::string& path);
  ~RawConnection();
  RawConnection(const RawConnection&) = delete;
  RawConnection& operator=(const RawConnection&) = delete;

  /// False when the peer has hung up.
  bool send(const std::string& bytes) const;
  void end_sending() const;
  /// Reads until the peer closes the connection, or sends nothing for `milliseconds`.
  std::string read_all(int milliseconds = kPatience) const;
  /// Reads the next bytes. Returns "" when the peer closes the connection, or sends nothing for `milliseconds`.
  std::string read_some(int milliseconds = kPatience) const;
  /// Reads until the bytes contain `text`, and returns all bytes.
  std::string read_until(const std::string& text, int milliseconds = kPatience) const;

 private:
  static constexpr int kPatience = 60'000;
  void connect(const void* address, size_t size);

  int socket_ = -1;
};

/// A port that nobody listens on right now.
int free_port();

HttpReply parse_reply(const std::string& bytes);

}  // namespace ops::tests
