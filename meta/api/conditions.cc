#include "meta/api/conditions.h"

#include <algorithm>
#include <vector>

#include "common/base/text.h"

namespace ops::meta {

namespace {

/// The values of all headers of that name, as one list.
std::string list_of(const HttpRequest& request, std::string_view name) {
  std::string list;
  for (const auto& [key, value] : request.headers) {
    if (to_lower(key) == to_lower(name)) list += (list.empty() ? "" : ",") + value;
  }
  return list;
}

/// Takes what comes before the first comma from the front of the list.
std::string_view take_entry(std::string_view& list) {
  const size_t end = std::min(list.find(','), list.size());
  const std::string_view entry = trim(list.substr(0, end));
  list.remove_prefix(std::min(end + 1, list.size()));
  return entry;
}

enum class Comparison { strong, weak };  // a weak tag, W/"x", is equal to another in the weak comparison only

/// Whether the list of tags has this one, or is "*". Our tags hold no comma, so that one within a tag only makes two of
/// another.
bool has_tag(std::string_view list, std::string_view tag, Comparison comparison) {
  if (trim(list) == "*") return true;
  while (!list.empty()) {
    std::string_view entry = take_entry(list);
    if (comparison == Comparison::weak && entry.starts_with("W/")) entry.remove_prefix(2);
    if (entry == tag) return true;
  }
  return false;
}

/// "5-9", "5-" or "-5" of `size` bytes; nullopt for anything else.
std::optional<ByteRange> parse_one(std::string_view text, uint64_t size) {
  const size_t dash = text.find('-');
  if (dash == std::string_view::npos) return std::nullopt;
  const auto first = parse_number(text.substr(0, dash));
  const auto last = parse_number(text.substr(dash + 1));
  if (dash == 0) {
    if (!last) return std::nullopt;
    const uint64_t length = std::min(*last, size);
    return ByteRange{size - length, length};
  }
  if (!first || (!last && dash + 1 != text.size()) || (last && *last < *first)) return std::nullopt;
  if (*first >= size) return ByteRange{};
  return ByteRange{*first, last ? std::min(*last, size - 1) - *first + 1 : size - *first};
}

/// The one part that they make together; nullopt when there is a gap.
std::optional<ByteRange> join(std::vector<ByteRange> ranges) {
  std::erase_if(ranges, [](const ByteRange& range) { return range.length == 0; });
  if (ranges.empty()) return ByteRange{};
  std::sort(ranges.begin(), ranges.end(), [](const ByteRange& a, const ByteRange& b) { return a.offset < b.offset; });
  ByteRange all = ranges[0];
  for (const ByteRange& next : ranges) {
    if (next.offset > all.offset + all.length) return std::nullopt;
    all.length = std::max(all.length, next.offset + next.length - all.offset);
  }
  return all;
}

/// nullopt for what is no list of byte ranges, which HTTP has us ignore.
std::optional<ByteRange> parse_range(std::string_view header, uint64_t size) {
  constexpr std::string_view kUnit = "bytes=";
  if (to_lower(header.substr(0, kUnit.size())) != kUnit) return std::nullopt;
  header.remove_prefix(kUnit.size());
  std::vector<ByteRange> ranges;
  while (!header.empty()) {
    const std::string_view entry = take_entry(header);
    if (entry.empty()) continue;
    const auto range = parse_one(entry, size);
    if (!range) return std::nullopt;
    ranges.push_back(*range);
  }
  return ranges.empty() ? std::nullopt : join(std::move(ranges));
}

bool range_still_holds(const HttpRequest& request, const Validators& file) {
  const std::string condition = request.header("If-Range");
  return condition.empty() || condition == file.etag || parse_http_date(condition) == file.modified_at;
}

}  // namespace

Condition judge(const HttpRequest& request, const Validators& file) {
  if (const std::string tags = list_of(request, "If-Match"); !tags.empty()) {
    if (!has_tag(tags, file.etag, Comparison::strong)) return Condition::failed;
  } else if (const auto date = parse_http_date(request.header("If-Unmodified-Since"))) {
    if (file.modified_at > *date) return Condition::failed;
  }
  if (const std::string tags = list_of(request, "If-None-Match"); !tags.empty()) {
    return has_tag(tags, file.etag, Comparison::weak) ? Condition::not_modified : Condition::holds;
  }
  const auto date = parse_http_date(request.header("If-Modified-Since"));
  return date && file.modified_at <= *date ? Condition::not_modified : Condition::holds;
}

std::optional<ByteRange> asked_range(const HttpRequest& request, const Validators& file, uint64_t size) {
  if (request.method != "GET" || !range_still_holds(request, file)) return std::nullopt;
  return parse_range(request.header("Range"), size);
}

}  // namespace ops::meta
