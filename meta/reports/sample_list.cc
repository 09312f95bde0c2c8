#include "meta/reports/sample_list.h"

#include "common/base/json_writer.h"
#include "common/base/text.h"

namespace ops::meta {

namespace {

constexpr uint64_t kMaxHours = Samples::kKept / 3600;
using Places = std::vector<Samples::Place>;

/// Appends `"key":[…]` with the figure of each place.
template <typename Levels, typename Figure>
void append_list(std::string& to, std::string_view key, const Places& places, const Levels& levels, const Figure& figure) {
  if (!to.ends_with('{')) to += ',';
  append_json_key(to, key);
  to += '[';
  for (const auto [level, index] : places) {
    if (to.back() != '[') to += ',';
    figure(levels[level][index]);
  }
  to += ']';
}

void append_times(std::string& to, const Samples& samples, const Places& places, int64_t ahead) {
  append_list(to, "times", places, samples.state().times, [&](int64_t time) { append_number(to, time + ahead); });
}

void append_fleet(std::string& to, const Samples& samples, const Places& places, int64_t ahead) {
  const auto& fleet = samples.state().fleet;
  to += R"(,"fleet":{)";
  append_times(to, samples, places, ahead);
  append_list(to, "hosts", places, fleet, [&](const FleetSample& point) { append_number(to, point.hosts); });
  append_list(to, "silent", places, fleet, [&](const FleetSample& point) { append_number(to, point.silent); });
  append_list(to, "heartbeats", places, fleet, [&](const FleetSample& point) { append_number(to, point.heartbeats); });
  to += R"(},"agents":[)";
  for (const auto& [name, agent] : samples.state().agents) {
    if (to.back() != '[') to += ',';
    append_json_string(to, name);
  }
  to += ']';
}

void append_versions(std::string& to, const Samples::Agent& agent, const Places& places) {
  const auto append = [&](const VersionSample& point, uint32_t figure) {
    if (!point.is_known()) {
      to += "null";
    } else {
      append_number(to, figure);
    }
  };
  for (const auto& [version, series] : agent.versions) {
    if (!to.ends_with('{')) to += ',';
    append_json_string(to, version);
    to += ":{";
    append_list(to, "hosts", places, series, [&](const VersionSample& point) { append(point, point.hosts); });
    append_list(to, "failed", places, series, [&](const VersionSample& point) { append(point, point.failed); });
    to += '}';
  }
}

}  // namespace

Result<SampleQuery> sample_query(const HttpRequest& request) {
  SampleQuery query;
  query.agent = request.parameter("agent");
  if (const std::string text = request.parameter("hours"); !text.empty()) {
    const auto hours = parse_number(text);
    if (!hours || *hours < 1 || *hours > kMaxHours) {
      return Error{cat("hours is \"", one_line(text, 100), "\", expected a number from 1 to ", kMaxHours)};
    }
    query.hours = static_cast<int64_t>(*hours);
  }
  return query;
}

std::string to_json(const Samples& samples, const SampleQuery& query, int64_t now, int64_t wall) {
  const Places places = samples.places(now - query.hours * 3600);
  std::string json = "{";
  append_json_member(json, "now", wall);
  if (query.agent.empty()) {
    append_fleet(json, samples, places, wall - now);
    return json + "}";
  }
  append_json_member(json, "agent", query.agent);
  append_times(json, samples, places, wall - now);
  json += R"(,"versions":{)";
  if (const auto agent = samples.state().agents.find(query.agent); agent != samples.state().agents.end()) {
    append_versions(json, agent->second, places);
  }
  return json + "}}";
}

}  // namespace ops::meta
