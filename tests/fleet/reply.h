#pragma once

// The head of an HTTP/1.1 response. Pure.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace ops::fleet {

struct ReplyHead {
  int status = 0;
  size_t size = 0;                     // bytes, the blank line included
  std::optional<uint64_t> length;      // Content-Length
  bool is_chunked = false;             // with neither, the body ends with the connection
  bool closes = false;                 // Connection: close
  std::optional<int64_t> retry_after;  // seconds
};

enum class HeadState { incomplete, complete, wrong };

/// `head` is filled when it is complete. `bytes` may go on with the body.
HeadState parse_reply_head(std::string_view bytes, ReplyHead& head);

}  // namespace ops::fleet
