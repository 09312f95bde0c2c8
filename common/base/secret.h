#pragma once

// Access tokens in the config files of both daemons.

#include <algorithm>
#include <string>
#include <string_view>

namespace ops {

/// Printed in place of a secret.
inline constexpr char kMasked[] = "***";

inline constexpr char kInvalidToken[] =
    "is invalid, expected 1 to 256 letters, digits and punctuation, without white space; openssl rand -hex 24 makes a good one";

/// Whether the token fits into an HTTP header.
inline bool is_valid_token(std::string_view token) {
  return !token.empty() && token.size() <= 256 &&
         std::all_of(token.begin(), token.end(), [](char c) { return c > ' ' && c <= '~'; });
}

}  // namespace ops
