#include "common/base/text.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <iomanip>
#include <iterator>
#include <utility>
#include <vector>

namespace ops {

namespace {

constexpr size_t kLongestWord = 64;  // bytes; the distance costs the product of both lengths

/// The Damerau-Levenshtein distance (optimal string alignment): how many letters to insert, drop, replace or swap with the
/// next.
size_t edit_distance(std::string_view from, std::string_view to) {
  std::vector<size_t> before, above, row(to.size() + 1);
  for (size_t j = 0; j <= to.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= from.size(); ++i) {
    before = std::exchange(above, row);
    row[0] = i;
    for (size_t j = 1; j <= to.size(); ++j) {
      const size_t replaced = above[j - 1] + (from[i - 1] == to[j - 1] ? 0 : 1);
      row[j] = std::min({above[j] + 1, row[j - 1] + 1, replaced});
      const bool is_exchanged = i > 1 && j > 1 && from[i - 1] == to[j - 2] && from[i - 2] == to[j - 1];
      if (is_exchanged) row[j] = std::min(row[j], before[j - 2] + 1);
    }
  }
  return row.back();
}

/// The characters that one_line() shows as their numbers, as ranges of code points.
constexpr std::pair<unsigned, unsigned> kInvisible[] = {
    {0xAD, 0xAD},     {0x61C, 0x61C},   {0x180E, 0x180E}, {0x200B, 0x200F},  // soft hyphen, marks, zero width
    {0x2028, 0x202E}, {0x2060, 0x206F}, {0xFEFF, 0xFEFF},                    // line separators, directions, joiners
};

/// Replaces them by <U+202E>. All of them take two or three bytes in UTF-8.
void show_invisible(std::string& line) {
  const auto byte = [&](size_t at) { return at < line.size() ? static_cast<unsigned char>(line[at]) : 0U; };
  for (size_t at = 0; at < line.size(); ++at) {
    const unsigned first = byte(at);
    const size_t size = first >= 0xE0 && first < 0xF0 ? 3 : first >= 0xC0 && first < 0xE0 ? 2 : 1;
    if (size == 1) continue;
    const unsigned code = size == 2 ? (first & 0x1F) << 6 | (byte(at + 1) & 0x3F)
                                    : (first & 0xF) << 12 | (byte(at + 1) & 0x3F) << 6 | (byte(at + 2) & 0x3F);
    const auto has_code = [&](const auto& range) { return code >= range.first && code <= range.second; };
    if (std::none_of(std::begin(kInvisible), std::end(kInvisible), has_code)) continue;
    std::ostringstream shown;
    shown << "<U+" << std::hex << std::uppercase << std::setw(4) << std::setfill('0') << code << ">";
    line.replace(at, size, shown.str());
    at += shown.str().size() - 1;
  }
}

}  // namespace

std::string_view trim(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n\v\f";
  const size_t first = text.find_first_not_of(kSpace);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

std::string cut_text(std::string_view text, size_t limit) {
  if (text.size() <= limit) return std::string(text);
  if (limit == 0) return {};
  // A byte 10xxxxxx continues a UTF-8 character: step back to the first byte of the cut character.
  while (limit > 0 && (static_cast<unsigned char>(text[limit]) & 0xC0) == 0x80) --limit;
  return std::string(text.substr(0, limit)) + "…";
}

std::string one_line(std::string_view text, size_t limit) {
  std::string line(text.substr(0, limit + 1));  // longer than the limit if the text is
  const auto is_control = [](unsigned char c) { return c < 0x20 || c == 0x7F; };
  std::replace_if(line.begin(), line.end(), is_control, ' ');
  const bool is_ascii = std::none_of(line.begin(), line.end(), [](char c) { return (c & 0x80) != 0; });
  if (!is_ascii) {
    // U+0080 to U+009F are control characters, too. In UTF-8 each is 0xC2 and one more byte.
    for (size_t at = 0; (at = line.find('\xC2', at)) != std::string::npos; ++at) {
      if (at + 1 < line.size() && static_cast<unsigned char>(line[at + 1]) < 0xA0) line.replace(at, 2, "  ");
    }
    show_invisible(line);
  }
  return cut_text(line, limit);
}

bool is_hex(std::string_view text, size_t digits) {
  return text.size() == digits && std::all_of(text.begin(), text.end(), [](unsigned char c) { return std::isxdigit(c); });
}

std::optional<uint64_t> parse_number(std::string_view digits, int base) {
  uint64_t number = 0;
  const char* end = digits.data() + digits.size();
  const auto parsed = std::from_chars(digits.data(), end, number, base);  // takes no sign for an unsigned type
  if (parsed.ec == std::errc::invalid_argument || parsed.ptr != end) return std::nullopt;
  return parsed.ec == std::errc::result_out_of_range ? UINT64_MAX : number;
}

std::string to_lower(std::string_view ascii) {
  std::string lower(ascii);
  std::transform(lower.begin(), lower.end(), lower.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return lower;
}

std::string nearest_word(std::string_view word, const std::set<std::string>& words) {
  std::string nearest;
  if (word.size() > kLongestWord) return nearest;
  size_t least = SIZE_MAX;
  for (const std::string& other : words) {
    const size_t changes = edit_distance(to_lower(word), to_lower(other));
    if (changes >= least || changes > std::max(word.size(), other.size()) / 3) continue;
    least = changes;
    nearest = other;
  }
  return nearest;
}

}  // namespace ops
