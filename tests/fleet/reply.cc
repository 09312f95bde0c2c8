#include "tests/fleet/reply.h"

#include <strings.h>

#include <charconv>

namespace ops::fleet {

namespace {

constexpr size_t kLongestHead = 16 << 10;

template <typename Number>
std::optional<Number> number(std::string_view text) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

bool is(std::string_view text, std::string_view other) {
  return text.size() == other.size() && ::strncasecmp(text.data(), other.data(), text.size()) == 0;
}

void take_field(std::string_view line, ReplyHead& head) {
  const size_t colon = line.find(':');
  if (colon == std::string_view::npos) return;
  const std::string_view name = line.substr(0, colon);
  std::string_view value = line.substr(colon + 1);
  while (value.starts_with(' ')) value.remove_prefix(1);
  if (is(name, "Content-Length")) head.length = number<uint64_t>(value);
  if (is(name, "Retry-After")) head.retry_after = number<int64_t>(value);
  if (is(name, "Connection")) head.closes = is(value, "close");
  if (is(name, "Transfer-Encoding")) head.is_chunked = is(value, "chunked");
}

}  // namespace

HeadState parse_reply_head(std::string_view bytes, ReplyHead& head) {
  constexpr std::string_view kStart = "HTTP/1.1 ";
  if (bytes.substr(0, kStart.size()) != kStart.substr(0, bytes.size())) return HeadState::wrong;
  const size_t end = bytes.find("\r\n\r\n");
  if (end == std::string_view::npos) return bytes.size() > kLongestHead ? HeadState::wrong : HeadState::incomplete;
  const auto status = number<int>(bytes.substr(kStart.size(), 3));
  if (!status) return HeadState::wrong;
  head = {};
  head.status = *status;
  head.size = end + 4;
  size_t at = bytes.find("\r\n") + 2;
  while (at < end + 2) {
    const size_t line_end = bytes.find("\r\n", at);
    take_field(bytes.substr(at, line_end - at), head);
    at = line_end + 2;
  }
  return HeadState::complete;
}

// Skips all carriage returns, and rejects chunk extensions, which the servers under test do not send.
void ChunkedBody::take_byte(char byte) {
  if (byte == '\r') return;
  if (byte != '\n') {
    const char digit[] = {byte};
    unsigned value = 0;
    const bool is_digit = std::from_chars(digit, digit + 1, value, 16).ec == std::errc{};
    const bool fits = state_ == State::size && is_digit && left_ < uint64_t{1} << 48;
    if (!fits) state_ = State::wrong;
    left_ = left_ * 16 + value;
    line_has_text_ = true;
  } else if (state_ == State::data_end) {
    state_ = State::size;
    line_has_text_ = false;
  } else if (state_ == State::size) {
    state_ = !line_has_text_ ? State::wrong : left_ == 0 ? State::last_line : State::data;
  } else {
    state_ = State::done;
  }
}

}  // namespace ops::fleet
