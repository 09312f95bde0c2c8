#include "common/protocol/status.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <optional>
#include <utility>
#include <vector>

#include "common/protocol/heartbeat.h"

namespace ops {

namespace {

constexpr char kEscape = '\x1b';
constexpr char kUnclear[] = "(its output has no clear status)";

bool is_word_character(char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '-' || c == '/'; }

bool belongs_to_word(std::string_view text, size_t at) {
  if (is_word_character(text[at])) return true;
  if (text[at] != '.' && text[at] != '\'') return false;
  return at > 0 && at + 1 < text.size() && is_word_character(text[at - 1]) && is_word_character(text[at + 1]);
}

/// The words of a text, in lower case.
std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> words;
  bool in_word = false;
  for (size_t at = 0; at < text.size(); ++at) {
    const bool was_in_word = std::exchange(in_word, belongs_to_word(text, at));
    if (!in_word) continue;
    if (!was_in_word) words.emplace_back();
    words.back() += static_cast<char>(std::tolower(static_cast<unsigned char>(text[at])));
  }
  return words;
}

bool casts_doubt(const std::string& word) {
  static constexpr std::array<std::string_view, 24> kDoubt = {
      "be",     "being", "but",     "cannot", "crashed", "dead", "died", "down", "exited", "failed", "false",   "get",
      "killed", "last",  "neither", "never",  "no",      "none", "nor",  "not",  "unable", "was",    "without", "yet"};
  return word.ends_with("n't") || std::find(kDoubt.begin(), kDoubt.end(), word) != kDoubt.end();
}

/// Combines two statuses: unclear when they differ.
void combine(std::optional<Status>& found, std::optional<Status> more) {
  if (more) found = found && *found != *more ? Status::unclear : more;
}

/// The status that the words of one line express; nullopt when the line has no status word.
std::optional<Status> meaning_of(std::vector<std::string> words) {
  std::optional<Status> found;
  std::erase(words, "been");  // "has been started" is "started"
  static constexpr std::array<std::string_view, 2> kNotStarted = {"not", kStartedWord};
  for (auto at = words.begin(); (at = std::search(at, words.end(), kNotStarted.begin(), kNotStarted.end())) != words.end();) {
    at = words.erase(at, at + kNotStarted.size());
    found = Status::stopped;
  }
  for (const std::string& word : words) {
    if (word == kStartedWord) combine(found, Status::started);
    if (word == kStopedWord || word == kStoppedWord) combine(found, Status::stopped);
  }
  return found && std::any_of(words.begin(), words.end(), casts_doubt) ? Status::unclear : found;
}

/// The index after the terminal escape sequence at `at` (ECMA-48): CSI … final, OSC … BEL or ST, ESC … final.
size_t end_of_escape(std::string_view text, size_t at) {
  const auto skip = [&](size_t from, char first, char last) {
    while (from < text.size() && text[from] >= first && text[from] <= last) ++from;
    return from;
  };
  if (at + 1 >= text.size()) return text.size();
  if (text[at + 1] == '[') return std::min(skip(at + 2, 0x20, 0x3F) + 1, text.size());
  if (text[at + 1] == ']')
    return std::min(text.find_first_of("\a\x1b\n", at + 2), text.size());  // ST is another escape sequence
  return std::min(skip(at + 1, 0x20, 0x2F) + 1, text.size());
}

std::string without_escapes(std::string_view text) {
  std::string plain;
  for (size_t at = 0; at < text.size();) {
    const size_t escape = std::min(text.find(kEscape, at), text.size());
    plain += text.substr(at, escape - at);
    at = escape;
    if (at == text.size()) break;
    plain += ' ';  // the sequence may move the cursor, so it separates words
    at = end_of_escape(text, at);
  }
  return plain;
}

}  // namespace

Status to_status(std::string_view text) {
  if (text == kStartedWord) return Status::started;  // the usual case
  // An error text ends with the last output of the script, which is not a status.
  if (text.starts_with("exec `./control ") || text.starts_with("`./control ")) return Status::unclear;
  std::optional<Status> found;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    combine(found, meaning_of(words_of(text.substr(begin, end - begin))));
    begin = end + 1;
  }
  return found.value_or(Status::unclear);
}

std::string status_line(std::string_view output) {
  const std::string plain = output.find(kEscape) == std::string_view::npos ? std::string(output) : without_escapes(output);
  std::string line(trim(one_line(trim(plain), kMaxStatusSize)));
  if (to_status(line) == to_status(plain)) return line;
  return to_status(plain) == Status::unclear ? kUnclear : std::string(plain_status(plain));
}

std::string_view plain_status(std::string_view line) {
  switch (to_status(line)) {
    case Status::started: return kStartedWord;
    case Status::stopped: return line == kStoppedWord ? kStoppedWord : kStopedWord;
    case Status::unclear: break;
  }
  return line;
}

}  // namespace ops
