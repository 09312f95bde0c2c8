#pragma once

// HTTP requests and responses as values, and the type of the function that answers requests.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/file.h"

namespace ops {

struct HttpRequest {
  std::string method;  // GET, HEAD, POST …; the response to a HEAD is made as for a GET, and its body is not sent
  std::string path;    // percent-decoded; may contain any bytes, including "..", NUL and newlines
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  std::string peer;                            // the client's IP address; "local" over the owner socket
  bool from_owner = false;                     // received over the owner socket, which only the daemon's user and root can open
  uint32_t owner_uid = UINT32_MAX;             // the user of the client, over the owner socket
  std::vector<std::string> certificate_names;  // of the verified client certificate; empty without one
  std::vector<std::pair<std::string, std::string>> query;  // the parameters behind "?", decoded, in their order
  int minor_version = 1;                                   // of HTTP/1.x
  bool keep_alive = true;                                  // the client may send another request on this connection

  /// The value of the first header field of that name, compared without case; "" without one.
  std::string header(std::string_view name) const;

  /// The first value of that key in the query; "" without one.
  std::string parameter(std::string_view key) const;
};

/// A part of an open file as a response's body.
struct FileBody {
  std::shared_ptr<const Fd> file;
  uint64_t offset = 0;
  uint64_t length = 0;
};

/// Appends the next piece of a body to `to`; returns false with the last one. The server calls it in one thread at a time, as
/// fast as the client reads, each time with an empty `to`. A piece of about kPieceSize bounds the server's memory and the delay
/// of other clients; an empty piece is allowed.
using BodyStream = std::function<bool(std::string& to)>;
inline constexpr size_t kPieceSize = 64 << 10;  // bytes

struct HttpResponse {
  int status = 200;
  std::string content_type = "text/plain; charset=UTF-8";
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers;
  FileBody file_body;  // with a file, this is the body; the server never reads it into memory whole
  BodyStream stream;   // with a function, this is the body

  static HttpResponse text(int status, std::string body);
  static HttpResponse json(std::string body);
  static HttpResponse redirect(const std::string& location);
};

/// "Sun, 08 Nov 2015 16:26:40 GMT"; `time` is in seconds since 1970.
std::string http_date(int64_t time);

/// Parses the three date formats of RFC 9110, section 5.6.7; nullopt for anything else.
std::optional<int64_t> parse_http_date(const std::string& text);

/// Called from several threads at once. Must not block: the other connections of the same thread wait until it returns.
using HttpHandler = std::function<HttpResponse(const HttpRequest&)>;

}  // namespace ops
