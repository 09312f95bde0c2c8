#pragma once

// HTTP's requests and replies as values, and what answers the ones with the others.

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

/// Who is at the other end of a connection.
struct HttpPeer {
  std::string address;
  bool is_owner = false;
  std::vector<std::string> names;  // of its certificate
};

struct HttpRequest {
  std::string method;  // GET, HEAD, POST …; a HEAD's response is made as for GET, its body is not sent
  std::string path;    // percent-decoded; may hold anything, "..", NUL and newlines included
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  std::string peer;                                        // the client's IP address; "local" over the daemon's own socket
  bool from_owner = false;                                 // over the daemon's own socket, which only its owner may open
  std::vector<std::string> certificate_names;              // of the client's certificate, when it showed one, and it is good
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

/// "Sun, 08 Nov 2015 16:26:40 GMT"; `time` is in seconds since 1970.
std::string http_date(int64_t time);

/// Of one of HTTP's three forms (RFC 9110, section 5.6.7); nullopt for anything else.
std::optional<int64_t> parse_http_date(const std::string& text);

/// Called from several threads at once. It may not wait for anything: other clients wait meanwhile.
using HttpHandler = std::function<HttpResponse(const HttpRequest&)>;

}  // namespace ops
