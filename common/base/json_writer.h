#pragma once

// Appends JSON to a text, for replies that are too long or too frequent to build a document first.

#include <cstdint>
#include <string>
#include <string_view>

namespace ops {

/// Appends `text` quoted and escaped. Invalid UTF-8 becomes U+FFFD.
void append_json_string(std::string& to, std::string_view text);

/// Appends `"key":`. The key is not escaped.
void append_json_key(std::string& to, std::string_view key);

void append_number(std::string& to, int64_t number);

/// Appends `"key":value`, after a comma unless `to` ends with "{". The key is not escaped.
void append_json_member(std::string& to, std::string_view key, std::string_view value);
void append_json_member(std::string& to, std::string_view key, int64_t value);

}  // namespace ops
