#pragma once

// Parses the head of an HTTP request: the request line and the header fields (RFC 9112, sections 3 and 5).
//
// The rules are strict, because a proxy in front of the server may read an ambiguous head differently (request smuggling):
//
//   lines              end in CRLF; a CR, LF or NUL elsewhere is refused, and so is a folded header field
//   request line       METHOD SP TARGET SP HTTP/1.1 (or HTTP/1.0); the target is a path, an http:// or https:// URI, or "*"
//   field name         a token, directly before the ":"
//   Host               exactly one, with the characters of a host and port; HTTP/1.0 may leave it out
//   Content-Length     decimal digits only; repeated fields must be equal
//   Transfer-Encoding  "chunked" only, once, in HTTP/1.1 only, and not together with Content-Length

#include <cstddef>
#include <string_view>

#include "common/http/message.h"

namespace ops {

/// The result of parsing a request, or a part of one. All but the first two are refusals, after which the connection closes.
enum class HttpVerdict {
  incomplete,  // more bytes are needed
  complete,
  malformed,        // 400
  invalid_host,     // 400: the Host field is missing, repeated or malformed
  target_too_long,  // 414: the request line exceeds kMaxRequestLine
  head_too_large,   // 431: the head exceeds kMaxHead or has more than kMaxFields header fields
  body_too_large,   // 413
};

struct RequestHead {
  HttpRequest request;          // without body and peer
  size_t body_size = 0;         // bytes, from Content-Length
  bool is_chunked = false;      // Transfer-Encoding: chunked
  bool wants_continue = false;  // Expect: 100-continue
};

inline constexpr size_t kMaxHead = 32 << 10;        // bytes, with the blank line
inline constexpr size_t kMaxRequestLine = 8 << 10;  // bytes
inline constexpr size_t kMaxFields = 100;

/// `text` is the head with its blank line. Returns `complete`, or why the request is refused.
HttpVerdict parse_request_head(std::string_view text, RequestHead& head);

/// Whether `line`, without its CRLF, is a header field or trailer field "name: value".
bool is_field_line(std::string_view line);

/// Whether `value` has no control characters, so that it can stand in a header field.
bool is_field_value(std::string_view value);

/// Whether `name` can be a header field's name or a method.
bool is_token(std::string_view name);

}  // namespace ops
