#include "common/base/json_writer.h"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

namespace ops {

namespace {

bool is_plain(unsigned char c) { return c >= 0x20 && c < 0x7F && c != '"' && c != '\\'; }

}  // namespace

void append_json_string(std::string& to, std::string_view text) {
  if (std::all_of(text.begin(), text.end(), is_plain)) {
    to.append(1, '"').append(text).append(1, '"');
  } else {
    to += nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  }
}

void append_json_key(std::string& to, std::string_view key) { to.append(1, '"').append(key).append("\":"); }

void append_number(std::string& to, int64_t number) {
  char digits[24];
  to.append(digits, std::to_chars(digits, digits + sizeof digits, number).ptr);
}

}  // namespace ops
