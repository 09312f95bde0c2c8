#pragma once

// Text functions for messages and parsers.

#include <cstdint>
#include <optional>
#include <set>
#include <sstream>
#include <string>
#include <string_view>

namespace ops {

/// Concatenates values that have operator<<: cat("port ", 80) is "port 80".
template <typename... Parts>
std::string cat(const Parts&... parts) {
  std::ostringstream out;
  (out << ... << parts);
  return std::move(out).str();
}

/// `text` without white space at both ends.
std::string_view trim(std::string_view text);

/// `text`; or if it is longer than `limit` bytes, its first characters in `limit` bytes of UTF-8 at most, and "…". With a limit
/// of 0, "".
std::string cut_text(std::string_view text, size_t limit);

/// `text` made safe for one line of a log or a status listing: each byte of a control character becomes a space. A character
/// that changes the look of others and has none itself (U+202E turns the text around, U+200B has no width, U+2028 breaks the
/// line) becomes its number, like <U+202E>. A text longer than `limit` bytes is cut as by cut_text().
std::string one_line(std::string_view text, size_t limit = 1024);

/// Whether `text` is exactly `digits` hexadecimal digits.
bool is_hex(std::string_view text, size_t digits);

/// The number that `digits` are in `base`. They must be one or more digits and nothing else: no sign, no space, no prefix.
/// nullopt for any other text. A number that does not fit is UINT64_MAX, so that a caller's upper bound refuses it.
std::optional<uint64_t> parse_number(std::string_view digits, int base = 10);

std::string to_lower(std::string_view ascii);

/// The entry of `words` that `word` most likely misspells; "" when no entry is similar. Case makes no difference.
std::string nearest_word(std::string_view word, const std::set<std::string>& words);

}  // namespace ops
