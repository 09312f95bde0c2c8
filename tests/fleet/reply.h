#pragma once

// Parsers for the head of an HTTP/1.1 response and for a chunked body. Pure functions.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace ops::fleet {

struct ReplyHead {
  int status = 0;
  size_t size = 0;                     // bytes, the blank line included
  std::optional<uint64_t> length;      // Content-Length
  bool is_chunked = false;             // with neither length nor chunks, the body ends with the connection
  bool closes = false;                 // Connection: close
  std::optional<int64_t> retry_after;  // seconds
};

enum class HeadState { incomplete, complete, wrong };

/// Parses the head at the start of `bytes`, which may continue with the body. Fills `head` when the head is complete.
HeadState parse_reply_head(std::string_view bytes, ReplyHead& head);

/// An incremental parser of a chunked body.
class ChunkedBody {
 public:
  /// Calls data(bytes) for the content of the chunks. Returns false when the bytes are not valid chunks.
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
  uint64_t left_ = 0;           // remaining bytes of this chunk
  bool line_has_text_ = false;  // the current size line or trailer line is not empty
};

}  // namespace ops::fleet
