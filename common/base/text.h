#pragma once

// Small pieces of text work that every message and parser here needs.

#include <cstdint>
#include <optional>
#include <set>
#include <sstream>
#include <string>
#include <string_view>

namespace ops {

/// Joins anything printable into one string: cat("port ", 80) is "port 80".
template <typename... Parts>
std::string cat(const Parts&... parts) {
  std::ostringstream out;
  (out << ... << parts);
  return std::move(out).str();
}

/// Without the white space at both ends.
std::string_view trim(std::string_view text);

/// Safe to print on one line of a log or a status listing: each byte of a control character becomes a space, and what is
/// longer than `limit` bytes is cut (between two UTF-8 characters) and ends in "…".
std::string one_line(std::string_view text, size_t limit = 1024);

/// True for `digits` hexadecimal digits and nothing else.
bool is_hex(std::string_view text, size_t digits);

/// The number that `digits` are in `base`. They must be one or more digits and nothing else: no sign, no space, no prefix.
/// nullopt for any other text. A number that does not fit is UINT64_MAX, so that a caller's upper bound refuses it.
std::optional<uint64_t> parse_number(std::string_view digits, int base = 10);

std::string to_lower(std::string_view ascii);

/// The one of `words` that `word` is most likely a misspelling of, whatever the case; "" when none is similar.
std::string nearest_word(std::string_view word, const std::set<std::string>& words);

}  // namespace ops
