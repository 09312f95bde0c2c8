#include "common/http/framer.h"

#include <algorithm>
#include <cctype>
#include <cstdint>
#include <optional>

#include "common/base/text.h"

namespace ops {

namespace {

constexpr std::string_view kLineEnd = "\r\n";
constexpr std::string_view kHeadEnd = "\r\n\r\n";
constexpr size_t kMaxChunkLine = 1024;

/// Whether the value of a Host field may be one: a name or an address, perhaps with a port. It may be empty.
bool is_host(std::string_view value) {
  return std::all_of(value.begin(), value.end(), [](unsigned char c) {
    return std::isalnum(c) || std::string_view("-._~%!$&'()*+,;=:[]").find(static_cast<char>(c)) != std::string_view::npos;
  });
}

/// Whether a line of chunks is longer than it may be. While its end is not found, the last bytes may be the first of the end.
bool is_too_far(size_t found, std::string_view end, size_t from, std::string_view bytes) {
  const size_t earliest =
      found != std::string_view::npos ? found : bytes.size() - std::min(bytes.size() - from, end.size() - 1);
  return earliest - from > kMaxChunkLine;
}

}  // namespace

std::string_view HttpFramer::body(std::string_view bytes) const {
  return is_chunked_ ? std::string_view(chunks_) : bytes.substr(head_size_, body_size_);
}

HttpFramer::Verdict HttpFramer::look(std::string_view bytes) {
  if (!has_head()) {
    const size_t end = bytes.find(kHeadEnd, at_);
    if ((end == std::string_view::npos ? bytes.size() : end + kHeadEnd.size()) > kMaxHead) return Verdict::head_large;
    if (end == std::string_view::npos) {
      at_ = bytes.size() - std::min(bytes.size(), kHeadEnd.size() - 1);
      return Verdict::incomplete;
    }
    head_size_ = at_ = end + kHeadEnd.size();
    if (const Verdict verdict = read_head(bytes.substr(0, head_size_)); verdict != Verdict::complete) return verdict;
  }
  if (is_chunked_) return join_chunks(bytes);
  if (bytes.size() - head_size_ < body_size_) return Verdict::incomplete;
  size_ = head_size_ + body_size_;
  return Verdict::complete;
}

/// Takes the fields that say how long the body is. Two answers to that, or an encoding that we don't know, are refused: another
/// program before us might see another end. For the same reason there must be one Host; only HTTP/1.0 may do without.
HttpFramer::Verdict HttpFramer::read_head(std::string_view head) {
  std::optional<size_t> length;
  const bool is_old = head.substr(0, head.find(kLineEnd)).ends_with(" HTTP/1.0");
  bool has_host = false;
  for (size_t line = head.find(kLineEnd) + 2; line < head.size() - 2;) {
    const size_t line_end = head.find(kLineEnd, line);
    const std::string_view field = head.substr(line, line_end - line);
    line = line_end + 2;
    const size_t colon = field.find(':');
    if (colon == std::string_view::npos) continue;  // the parser of the whole head will say so
    const std::string_view value = trim(field.substr(colon + 1));
    const auto is = [name = field.substr(0, colon)](std::string_view other) {
      return name.size() == other.size() && to_lower(name) == other;
    };
    if (is("content-length")) {
      const auto size = parse_number(value);
      if (!size || (length && *length != *size)) return Verdict::malformed;
      length = size;
    } else if (is("transfer-encoding")) {
      if (is_chunked_ || to_lower(value) != "chunked") return Verdict::malformed;
      is_chunked_ = true;
    } else if (is("expect")) {
      wants_continue_ = to_lower(value) == "100-continue";
    } else if (is("host")) {
      if (has_host || !is_host(value)) return Verdict::no_host;
      has_host = true;
    }
  }
  if (!has_host && !is_old) return Verdict::no_host;
  if (is_chunked_ && length) return Verdict::malformed;
  body_size_ = length.value_or(0);
  return body_size_ > max_body_ ? Verdict::body_large : Verdict::complete;
}

/// Hardly more than sizes and extensions may come with the chunks.
HttpFramer::Verdict HttpFramer::join_chunks(std::string_view bytes) {
  const Verdict verdict = follow_chunks(bytes);
  if (verdict != Verdict::complete && verdict != Verdict::incomplete) return verdict;
  const size_t end = verdict == Verdict::complete ? size_ : bytes.size();
  return end - head_size_ > kMaxHead + 8 * max_body_ ? Verdict::body_large : verdict;
}

/// A chunk is its size in hex, perhaps ";" and extensions, a line end, the bytes, a line end; one of size 0 is the last, and
/// trailing fields until a blank line follow it, which nobody needs.
HttpFramer::Verdict HttpFramer::follow_chunks(std::string_view bytes) {
  for (;;) {
    const size_t line_end = bytes.find(kLineEnd, at_);
    if (is_too_far(line_end, kLineEnd, at_, bytes)) return Verdict::malformed;
    if (line_end == std::string_view::npos) return Verdict::incomplete;
    const std::string_view line = bytes.substr(at_, line_end - at_);
    const auto size = parse_number(trim(line.substr(0, line.find(';'))), 16);
    if (!size) return Verdict::malformed;
    if (*size == 0) {
      const size_t end = bytes.find(kHeadEnd, line_end);
      if (is_too_far(end, kHeadEnd, line_end, bytes)) return Verdict::malformed;
      if (end == std::string_view::npos) return Verdict::incomplete;
      size_ = end + kHeadEnd.size();
      return Verdict::complete;
    }
    if (*size > max_body_ - chunks_.size()) return Verdict::body_large;
    const size_t begin = line_end + kLineEnd.size();
    if (bytes.size() < begin + *size + kLineEnd.size()) return Verdict::incomplete;
    if (bytes.substr(begin + *size, kLineEnd.size()) != kLineEnd) return Verdict::malformed;
    chunks_ += bytes.substr(begin, *size);
    at_ = begin + *size + kLineEnd.size();
  }
}

}  // namespace ops
