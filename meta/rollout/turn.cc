#include "meta/rollout/turn.h"

#include <array>
#include <cctype>

namespace ops::meta {

namespace {

constexpr std::array<std::string_view, 6> kWords = {"inflight", "overdue", "stuck", "failed", "withdrawn", "done"};

}  // namespace

std::string error_form(std::string_view text) {
  std::string form;
  for (const char c : text) {
    const bool is_digit = std::isdigit(static_cast<unsigned char>(c)) != 0;
    if (!is_digit) form += c;
    if (is_digit && !form.ends_with('0')) form += '0';
  }
  return form;
}

std::string_view to_word(Turn turn) { return kWords[static_cast<size_t>(turn)]; }

std::optional<Turn> to_turn(std::string_view word) {
  for (size_t i = 0; i < kWords.size(); ++i) {
    if (kWords[i] == word) return static_cast<Turn>(i);
  }
  return std::nullopt;
}

}  // namespace ops::meta
