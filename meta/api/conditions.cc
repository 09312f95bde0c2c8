#include "meta/api/conditions.h"

#include <algorithm>
#include <vector>

#include "common/base/text.h"

namespace ops::meta {

namespace {

/// The values of all headers with this name, joined by commas.
std::string list_of(const HttpRequest& request, std::string_view name) {
  std::string list;
  for (const auto& [key, value] : request.headers) {
    if (to_lower(key) == to_lower(name)) list += (list.empty() ? "" : ",") + value;
  }
  return list;
}

/// Removes the first entry of a comma-separated list and returns it.
std::string_view take_entry(std::string_view& list) {
  const size_t end = std::min(list.find(','), list.size());
  const std::string_view entry = trim(list.substr(0, end));
  list.remove_prefix(std::min(end + 1, list.size()));
  return entry;
}

enum class Comparison { strong, weak };  // only the weak comparison ignores the "W/" of a weak tag

/// Whether the list contains the tag, or is "*". Our tags contain no comma, so an entry that is cut at a comma inside a foreign
/// tag never equals ours.
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

/// Joins ranges that overlap or touch; nullopt when there is a gap.
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

/// nullopt for anything but a list of byte ranges: HTTP requires servers to ignore it.
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

bool matches_if_range(const HttpRequest& request, const Validators& file) {
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
    return has_tag(tags, file.etag, Comparison::weak) ? Condition::not_modified : Condition::met;
  }
  const auto date = parse_http_date(request.header("If-Modified-Since"));
  return date && file.modified_at <= *date ? Condition::not_modified : Condition::met;
}

std::optional<ByteRange> requested_range(const HttpRequest& request, const Validators& file, uint64_t size) {
  if (request.method != "GET" || !matches_if_range(request, file)) return std::nullopt;
  return parse_range(request.header("Range"), size);
}

}  // namespace ops::meta
