#include "common/http/reply_header.h"

#include <utility>

#include "common/base/text.h"

namespace ops {

namespace {

std::string field_value(std::string_view line, std::string_view name) {
  if (line.size() <= name.size() || line[name.size()] != ':') return {};
  if (to_lower(line.substr(0, name.size())) != name) return {};
  return std::string(trim(line.substr(name.size() + 1)));
}

}  // namespace

void ReplyHeader::take_line(std::string_view line) {
  if (line.starts_with("HTTP/")) *this = {};
  const std::pair<std::string_view, std::string*> fields[] = {{"etag", &etag},
                                                              {"last-modified", &last_modified},
                                                              {"content-range", &content_range},
                                                              {"retry-after", &retry_after},
                                                              {"date", &date}};
  for (const auto& [name, value] : fields) {
    if (std::string found = field_value(line, name); !found.empty()) *value = std::move(found);
  }
}

}  // namespace ops
