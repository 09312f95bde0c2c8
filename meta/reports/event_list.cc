#include "meta/reports/event_list.h"

#include "common/base/json_writer.h"
#include "common/base/text.h"
#include "meta/reports/local_times.h"

namespace ops::meta {

namespace {

constexpr size_t kKindWidth = 14;  // of "resume-by-hand"

}  // namespace

Result<EventQuery> event_query(const HttpRequest& request) {
  EventQuery query;
  query.agent = request.parameter("agent");
  if (const std::string text = request.parameter("since"); !text.empty()) {
    const auto since = parse_number(text);
    if (!since || *since > INT64_MAX) {
      return Error{
          cat("since is \"", one_line(text, 100), "\", expected \"next\" of an earlier reply, or microseconds since 1970")};
    }
    query.since = static_cast<int64_t>(*since);
  }
  if (const std::string text = request.parameter("kind"); !text.empty()) {
    query.kind = to_event_kind(text);
    if (!query.kind) return Error{cat("kind is \"", one_line(text, 100), "\", expected one of ", event_kinds())};
  }
  if (const std::string text = request.parameter("limit"); !text.empty()) {
    const auto limit = parse_number(text);
    if (!limit || *limit < 1 || *limit > EventLog::kMaxEvents) {
      return Error{cat("limit is \"", one_line(text, 100), "\", expected a number from 1 to ", EventLog::kMaxEvents)};
    }
    query.limit = *limit;
  }
  return query;
}

std::string to_json(const FoundEvents& found) {
  std::string json = R"({"events":[)";
  for (const auto& event : found.events) {
    if (json.back() != '[') json += ',';
    append_json(json, *event);
  }
  json += "],\"next\":";
  append_number(json, found.next);
  return json + "}";
}

std::string to_text(const FoundEvents& found) {
  LocalTimes times;
  std::string text = cat(found.next, "\n");
  for (const auto& event : found.events) {
    times.append(text, event->time);
    const std::string_view kind = to_word(event->kind);
    text.append("  ").append(kind).append(kKindWidth - kind.size() + 2, ' ').append(event->text);
    if (!event->by.empty()) text.append(" (").append(event->by).append(")");
    text += '\n';
  }
  return text;
}

}  // namespace ops::meta
