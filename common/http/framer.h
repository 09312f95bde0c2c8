#pragma once

// Where a request ends in the bytes of a connection: HTTP/1.1's framing (RFC 9112, section 6), and whether it names one host
// (section 3.2), but nothing else of it. So a request can be gathered without a thread that waits for it, and is looked into
// only when it is whole.

#include <cstddef>
#include <string>
#include <string_view>

namespace ops {

class HttpFramer {
 public:
  enum class Verdict {
    incomplete,
    complete,
    malformed,   // 400: where it ends can't be told
    no_host,     // 400: it has no Host, or more than one, or none that can be a host's name
    head_large,  // 431: more than kMaxHead
    body_large,  // 413: known as soon as it is announced
  };

  static constexpr size_t kMaxHead = 32 << 10;  // bytes, the blank line included

  /// `max_body` bytes of a body, chunks joined, are taken.
  explicit HttpFramer(size_t max_body) : max_body_(max_body) {}

  /// `bytes` is all that came since the request began: the same as before and more.
  Verdict look(std::string_view bytes);

  bool has_head() const { return head_size_ > 0; }
  /// The client waits to be asked for the body: "Expect: 100-continue".
  bool wants_continue() const { return wants_continue_; }

  /// Of a complete request in `bytes`, as look() saw them last. The body is good until the next call of a non-const member.
  std::string_view head(std::string_view bytes) const { return bytes.substr(0, head_size_); }
  std::string_view body(std::string_view bytes) const;
  size_t size() const { return size_; }

 private:
  Verdict read_head(std::string_view head);
  Verdict join_chunks(std::string_view bytes);
  Verdict follow_chunks(std::string_view bytes);

  size_t max_body_;
  size_t head_size_ = 0;  // 0: not seen whole yet
  size_t body_size_ = 0;
  bool is_chunked_ = false;
  bool wants_continue_ = false;
  size_t size_ = 0;     // of a complete request
  size_t at_ = 0;       // how far the search for the head's end, or the chunks, have been followed
  std::string chunks_;  // joined
};

}  // namespace ops
