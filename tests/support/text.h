#pragma once

// Text helpers that tests share.

#include <string>
#include <string_view>

namespace ops::tests {

inline bool contains(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

/// How often `part` occurs in `text`.
inline size_t count_of(std::string_view text, std::string_view part) {
  size_t count = 0;
  for (size_t at = text.find(part); at != std::string_view::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

/// `text` without white space at its end.
inline std::string trimmed(std::string_view text) {
  const size_t last = text.find_last_not_of(" \t\r\n\v\f");
  return last == std::string_view::npos ? "" : std::string(text.substr(0, last + 1));
}

inline std::string repeated(std::string_view text, size_t times) {
  std::string all;
  for (size_t i = 0; i < times; ++i) all += text;
  return all;
}

}  // namespace ops::tests
