#pragma once

// JSON written piece by piece, for answers that are too long or too frequent to be built as documents first.

#include <cstdint>
#include <string>
#include <string_view>

namespace ops {

/// With quotes. Bytes that no JSON can hold become U+FFFD.
void append_json_string(std::string& to, std::string_view text);

/// `"key":`, the key as it is.
void append_json_key(std::string& to, std::string_view key);

void append_number(std::string& to, int64_t number);

/// `"key":value`, with a comma before it unless `to` ends with "{". The key as it is.
void append_json_member(std::string& to, std::string_view key, std::string_view value);
void append_json_member(std::string& to, std::string_view key, int64_t value);

}  // namespace ops
