#include "updater/process/last_lines.h"

#include "common/base/text.h"

namespace ops::updater {

namespace {

constexpr int kMaxLines = 5;
constexpr size_t kMaxSize = 300;  // bytes

}  // namespace

std::string last_lines(std::string_view printed) {
  std::string text;
  for (int lines = 0; lines < kMaxLines && !(printed = trim(printed)).empty(); ++lines) {
    const size_t end = printed.rfind('\n');  // of the line before, or npos
    const std::string_view line = trim(printed.substr(end + 1));
    text = cat(line, text.empty() ? "" : " | ", text);
    printed = end == std::string_view::npos ? std::string_view() : printed.substr(0, end);
  }
  text = one_line(text, text.size());
  if (text.size() <= kMaxSize) return text;
  size_t begin = text.size() - kMaxSize;
  while (begin < text.size() && (static_cast<unsigned char>(text[begin]) & 0xC0) == 0x80) ++begin;  // within a UTF-8 character
  return "…" + text.substr(begin);
}

}  // namespace ops::updater
