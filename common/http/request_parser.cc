#include "common/http/request_parser.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <utility>

#include "common/base/text.h"

namespace ops {

namespace {

constexpr std::string_view kLineEnd = "\r\n";
constexpr std::string_view kHeadEnd = "\r\n\r\n";
constexpr size_t kMaxChunkLine = 1024;  // bytes of a chunk's size and extensions, and of all trailer fields

/// The size in a chunk's first line: hexadecimal digits, then optional extensions behind ";". Control characters are refused:
/// some parsers end the line at a bare LF.
std::optional<uint64_t> parse_chunk_size(std::string_view line) {
  if (!is_field_value(line)) return std::nullopt;
  const std::string_view size = line.substr(0, line.find(';'));
  return parse_number(size.substr(0, size.find_last_not_of(" \t") + 1), 16);
}

/// `text` is empty, or lines that each end in CRLF.
bool are_trailer_fields(std::string_view text) {
  while (!text.empty()) {
    const size_t end = text.find(kLineEnd);
    if (!is_field_line(text.substr(0, end))) return false;
    text.remove_prefix(end + kLineEnd.size());
  }
  return true;
}

/// Whether what begins at `from` and ends before `end` exceeds kMaxChunkLine. `found` is the position of `end`. While it is
/// npos, the last bytes may be the first bytes of `end`.
bool is_line_too_long(size_t found, std::string_view end, size_t from, std::string_view bytes) {
  const size_t earliest =
      found != std::string_view::npos ? found : bytes.size() - std::min(bytes.size() - from, end.size() - 1);
  return earliest - from > kMaxChunkLine;
}

}  // namespace

HttpVerdict HttpRequestParser::parse(std::string_view bytes) {
  if (!has_head()) {
    const size_t end = bytes.find(kHeadEnd, parsed_);
    if ((end == std::string_view::npos ? bytes.size() : end + kHeadEnd.size()) > kMaxHead) return HttpVerdict::head_too_large;
    if (end == std::string_view::npos) {
      parsed_ = bytes.size() - std::min(bytes.size(), kHeadEnd.size() - 1);
      return HttpVerdict::incomplete;
    }
    head_size_ = parsed_ = end + kHeadEnd.size();
    const HttpVerdict verdict = parse_request_head(bytes.substr(0, head_size_), head_);
    if (verdict != HttpVerdict::complete) return verdict;
    if (head_.body_size > max_body_) return HttpVerdict::body_too_large;
  }
  if (head_.is_chunked) return parse_chunks(bytes);
  if (bytes.size() - head_size_ < head_.body_size) return HttpVerdict::incomplete;
  size_ = head_size_ + head_.body_size;
  return HttpVerdict::complete;
}

HttpRequest HttpRequestParser::take(std::string_view bytes) {
  HttpRequest request = std::move(head_.request);
  request.body = head_.is_chunked ? std::move(chunks_) : std::string(bytes.substr(head_size_, head_.body_size));
  return request;
}

/// Bounds the bytes of chunk sizes and extensions as well: a client could send 1 KiB of them for each byte of the body.
HttpVerdict HttpRequestParser::parse_chunks(std::string_view bytes) {
  const HttpVerdict verdict = follow_chunks(bytes);
  if (verdict != HttpVerdict::complete && verdict != HttpVerdict::incomplete) return verdict;
  const size_t end = verdict == HttpVerdict::complete ? size_ : bytes.size();
  return end - head_size_ > kMaxHead + 8 * max_body_ ? HttpVerdict::body_too_large : verdict;
}

/// A chunk is its size line, its bytes and CRLF. The chunk of size 0 is the last; trailer fields and a blank line follow it.
/// The server ignores trailer fields.
HttpVerdict HttpRequestParser::follow_chunks(std::string_view bytes) {
  for (;;) {
    const size_t line_end = bytes.find(kLineEnd, parsed_);
    if (is_line_too_long(line_end, kLineEnd, parsed_, bytes)) return HttpVerdict::malformed;
    if (line_end == std::string_view::npos) return HttpVerdict::incomplete;
    const auto size = parse_chunk_size(bytes.substr(parsed_, line_end - parsed_));
    if (!size) return HttpVerdict::malformed;
    const size_t begin = line_end + kLineEnd.size();
    if (*size == 0) {
      const size_t end = bytes.find(kHeadEnd, line_end);
      if (is_line_too_long(end, kHeadEnd, line_end, bytes)) return HttpVerdict::malformed;
      if (end == std::string_view::npos) return HttpVerdict::incomplete;
      size_ = end + kHeadEnd.size();
      return are_trailer_fields(bytes.substr(begin, size_ - begin - kLineEnd.size())) ? HttpVerdict::complete
                                                                                      : HttpVerdict::malformed;
    }
    if (*size > max_body_ - chunks_.size()) return HttpVerdict::body_too_large;
    if (bytes.size() < begin + *size + kLineEnd.size()) return HttpVerdict::incomplete;
    if (bytes.substr(begin + *size, kLineEnd.size()) != kLineEnd) return HttpVerdict::malformed;
    chunks_ += bytes.substr(begin, *size);
    parsed_ = begin + *size + kLineEnd.size();
  }
}

}  // namespace ops
