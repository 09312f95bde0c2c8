#pragma once

// A plain HTTP client for tests, and a connection that sends any bytes. Both connect to the loopback address only.

#include <istream>
#include <string>
#include <utility>
#include <vector>

namespace ops::tests {

using HeaderFields = std::vector<std::pair<std::string, std::string>>;

/// The value of the first field with this name, compared without case; "" when there is no such field.
std::string find_header(const HeaderFields& headers, const std::string& name);

/// Reads the header lines that follow a request line or status line.
HeaderFields parse_headers(std::istream& lines);

struct HttpReply {
  int status = 0;  // 0 when there is no reply
  HeaderFields headers;
  std::string body;

  std::string header(const std::string& name) const { return find_header(headers, name); }
};

HttpReply http(int port, const std::string& method, const std::string& target, const std::string& body = "",
               const HeaderFields& headers = {});

inline HttpReply get(int port, const std::string& target, const HeaderFields& headers = {}) {
  return http(port, "GET", target, "", headers);
}

/// A client's connection that sends exactly the bytes that the test gives it.
class RawConnection {
 public:
  explicit RawConnection(int port);
  /// Connects to a unix socket.
  explicit RawConnection(const std::string& path);
  ~RawConnection();
  RawConnection(const RawConnection&) = delete;
  RawConnection& operator=(const RawConnection&) = delete;

  /// False when the peer has closed the connection.
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

/// A TCP port that is free at the moment of the call. Another process may take it afterwards.
int free_port();

HttpReply parse_reply(const std::string& bytes);

}  // namespace ops::tests
