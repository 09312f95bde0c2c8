#pragma once

// The head of an HTTP/1.1 response, and a body in chunks. Pure.

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

/// A body in chunks, taken as it comes.
class ChunkedBody {
 public:
  /// Calls data(bytes) for what is in the chunks. False when these are no chunks.
  template <typename Data>
  bool take(std::string_view bytes, const Data& data) {
    while (!bytes.empty() && state_ != State::wrong && state_ != State::done) {
      if (state_ == State::data) {
        const std::string_view part = bytes.substr(0, left_);
        data(part);
        left_ -= part.size();
        bytes.remove_prefix(part.size());
        if (left_ == 0) state_ = State::data_end;
      } else {
        take_byte(bytes.front());
        bytes.remove_prefix(1);
      }
    }
    return state_ != State::wrong && bytes.empty();
  }

  bool is_whole() const { return state_ == State::done; }

 private:
  enum class State { size, data, data_end, last_line, done, wrong };
  void take_byte(char byte);

  State state_ = State::size;
  uint64_t left_ = 0;           // bytes of this chunk
  bool line_has_text_ = false;  // in last_line: a trailer, or a size line
};

}  // namespace ops::fleet
