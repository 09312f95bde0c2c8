#pragma once

// Incremental parser of one HTTP/1.1 request in the bytes of a connection (RFC 9112): finds the end of the head, parses it
// (request_head.h), and finds the end of the body. The connection calls it whenever bytes arrive, so that no thread waits for a
// request.

#include <cstddef>
#include <string>
#include <string_view>

#include "common/http/request_head.h"

namespace ops {

class HttpRequestParser {
 public:
  /// `max_body`: largest body in bytes, after decoding chunks.
  explicit HttpRequestParser(size_t max_body) : max_body_(max_body) {}

  /// `bytes` is everything received since the request began: the bytes of the call before, and more. A body that is too large
  /// is refused as soon as its size is announced.
  HttpVerdict parse(std::string_view bytes);

  bool has_head() const { return head_size_ > 0; }
  /// The client sends the body after a "100 Continue".
  bool wants_continue() const { return head_.wants_continue; }

  /// Bytes of a complete request. Bytes after them belong to the next request.
  size_t size() const { return size_; }
  /// Moves out a complete request, without its peer. `bytes` as in the last call of parse().
  HttpRequest take(std::string_view bytes);

 private:
  HttpVerdict parse_chunks(std::string_view bytes);
  HttpVerdict follow_chunks(std::string_view bytes);

  size_t max_body_;
  size_t head_size_ = 0;  // 0: the end of the head has not been received
  RequestHead head_;
  size_t size_ = 0;
  size_t parsed_ = 0;   // where to continue: the search for the end of the head, or the next chunk
  std::string chunks_;  // the decoded body
};

}  // namespace ops
