#include "common/base/json_writer.h"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

namespace ops {

namespace {

void append_comma_and_key(std::string& to, std::string_view key) {
  if (!to.ends_with('{')) to += ',';
  append_json_key(to, key);
}

bool needs_no_escape(unsigned char c) { return c >= 0x20 && c < 0x7F && c != '"' && c != '\\'; }

}  // namespace

void append_json_string(std::string& to, std::string_view text) {
  if (std::all_of(text.begin(), text.end(), needs_no_escape)) {
    to.append(1, '"').append(text).append(1, '"');
  } else {
    to += nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  }
}

void append_json_key(std::string& to, std::string_view key) { to.append(1, '"').append(key).append("\":"); }

void append_json_member(std::string& to, std::string_view key, std::string_view value) {
  append_comma_and_key(to, key);
  append_json_string(to, value);
}

void append_json_member(std::string& to, std::string_view key, int64_t value) {
  append_comma_and_key(to, key);
  append_number(to, value);
}

void append_number(std::string& to, int64_t number) {
  char digits[24];
  to.append(digits, std::to_chars(digits, digits + sizeof digits, number).ptr);
}

}  // namespace ops
