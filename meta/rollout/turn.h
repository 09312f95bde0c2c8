#pragma once

// The states of a host's turn in a rollout. leases.h explains them.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace ops::meta {

enum class Turn : uint8_t { inflight, overdue, stuck, failed, withdrawn, done };

/// Whether the host may change to the release.
constexpr bool has_lease(Turn turn) { return turn == Turn::inflight || turn == Turn::overdue || turn == Turn::stuck; }

/// "inflight", "overdue", …
std::string_view to_word(Turn turn);
/// nullopt for an unknown word.
std::optional<Turn> to_turn(std::string_view word);

/// The text with each number replaced by 0: errors that differ in numbers only are the same.
std::string error_form(std::string_view text);

}  // namespace ops::meta
