#include "common/text.h"

#include <algorithm>
#include <cctype>

namespace ops {

std::string_view trim(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n\v\f";
  const size_t first = text.find_first_not_of(kSpace);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

std::string one_line(std::string_view text, size_t limit) {
  std::string line(text.substr(0, limit));
  if (text.size() > limit) {
    // A byte 10xxxxxx continues a character: step back to where the cut one began.
    size_t end = limit;
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
    line.resize(end);
    line += "…";
  }
  std::replace_if(line.begin(), line.end(), [](unsigned char c) { return c < 0x20 || c == 0x7F; }, ' ');
  // U+0080 … U+009F, which terminals obey as well, are 0xC2 and that byte.
  for (size_t at = 0; (at = line.find('\xC2', at)) != std::string::npos; ++at) {
    if (at + 1 < line.size() && static_cast<unsigned char>(line[at + 1]) < 0xA0) line.replace(at, 2, "  ");
  }
  return line;
}

bool is_hex(std::string_view text, size_t digits) {
  return text.size() == digits && std::all_of(text.begin(), text.end(), [](unsigned char c) { return std::isxdigit(c); });
}

std::string to_lower(std::string_view ascii) {
  std::string lower(ascii);
  std::transform(lower.begin(), lower.end(), lower.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return lower;
}

}  // namespace ops
