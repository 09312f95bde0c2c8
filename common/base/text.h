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

/// `text` made safe for one line of a log or a status listing: each byte of a control character becomes a space. A text longer
/// than `limit` bytes is cut between two UTF-8 characters and ends in "…".
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
