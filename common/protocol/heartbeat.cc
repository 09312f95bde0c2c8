#include "common/protocol/heartbeat.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>

namespace ops {

namespace {

using Json = nlohmann::ordered_json;

bool is_version_character(unsigned char c) {
  return std::isalnum(c) || std::string_view("._+-~").find(static_cast<char>(c)) != std::string_view::npos;
}

/// A string field; "" when it is missing or null. Throws Json::type_error when it is not a string or `object` is not an object.
std::string string_field(const Json& object, const char* key) {
  if (!object.is_object()) throw Json::type_error::create(302, "not an object", nullptr);
  const auto field = object.find(key);
  if (field == object.end() || field->is_null()) return {};
  return field->get<std::string>();
}

/// A list field; an empty list when it is missing or null. Throws Json::type_error when it is not a list.
const Json& list_field(const Json& object, const char* key) {
  static const Json kEmpty = Json::array();
  const auto field = object.find(key);
  if (field == object.end() || field->is_null()) return kEmpty;
  if (!field->is_array()) throw Json::type_error::create(302, "not a list", nullptr);
  return *field;
}

/// 0, or 1 to kLongestInterval seconds; nullopt when the field is not a number or is negative.
std::optional<int64_t> interval_field(const Json& object) {
  const auto field = object.find("interval");
  if (field == object.end() || field->is_null()) return 0;
  if (!field->is_number()) return std::nullopt;
  const auto seconds = field->get<double>();
  if (seconds < 0) return std::nullopt;
  return seconds == 0 ? 0 : static_cast<int64_t>(std::clamp<double>(seconds, 1, kLongestInterval));
}

/// Whether the text stays within kMaxJsonDepth and kMaxJsonValues. A text beyond them is never parsed: a parsed document takes
/// fifty times the memory of its text, and the library can overflow the stack when it copies or destroys a deep one.
bool is_within_limits(std::string_view text) {
  size_t depth = 0;
  size_t values = 1;
  bool in_string = false;
  for (size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    if (in_string) {
      if (c == '\\') ++at;
      if (c == '"') in_string = false;
    } else if (c == '"') {
      in_string = true;
    } else if (c == '[' || c == '{') {
      if (++depth > kMaxJsonDepth) return false;
    } else if ((c == ']' || c == '}') && depth > 0) {
      --depth;
    }
    if (!in_string && (c == ',' || c == '[' || c == '{') && ++values > kMaxJsonValues) return false;
  }
  return true;
}

Json parse_object(std::string_view text) {
  if (!is_within_limits(text)) throw Json::type_error::create(302, "too deep or too long", nullptr);
  Json document = Json::parse(text);
  if (!document.is_object()) throw Json::type_error::create(302, "not an object", nullptr);
  return document;
}

/// A whole number that is not negative; `otherwise` for anything else.
int64_t hint_field(const Json& object, const char* key, int64_t otherwise = 0) {
  const auto field = object.find(key);
  if (field == object.end() || !field->is_number_integer() || field->get<int64_t>() < 0) return otherwise;
  return field->get<int64_t>();
}

/// The strings of a list; empty when it is missing or has another type. Other entries are left out.
std::vector<std::string> mirrors_field(const Json& object) {
  std::vector<std::string> mirrors;
  const auto field = object.find("mirrors");
  if (field == object.end() || !field->is_array()) return mirrors;
  for (const Json& entry : *field) {
    if (entry.is_string() && mirrors.size() < kMaxMirrors) mirrors.push_back(entry.get<std::string>());
  }
  return mirrors;
}

DesiredAgent desired_agent(const Json& entry) {
  DesiredAgent agent{string_field(entry, "name"), string_field(entry, "version"), string_field(entry, "tarball"),
                     string_field(entry, "md5"),  string_field(entry, "cmd"),     entry.value("preserve", false)};
  agent.soak = std::min(hint_field(entry, "soak", -1), kLongestSoak);
  agent.start_timeout = std::min(hint_field(entry, "startTimeout"), kLongestTimeout);
  agent.stop_timeout = std::min(hint_field(entry, "stopTimeout"), kLongestTimeout);
  agent.mirrors = mirrors_field(entry);
  return agent;
}

HeartbeatResponse read_response(std::string_view body) {
  const Json document = parse_object(body);
  HeartbeatResponse response;
  response.error_message = string_field(document, "errorMessage");
  if (const auto interval = interval_field(document)) {
    response.interval = *interval;
  } else {
    response.refused.push_back(cat("interval ", one_line(document["interval"].dump(), 40), " is not a number of seconds"));
  }
  response.generation = hint_field(document, "generation");
  for (const Json& entry : list_field(document, "desiredAgents")) {
    if (response.desired_agents.size() == kMaxAgentsPerHost) {
      response.refused.push_back(cat("desiredAgents has more than ", kMaxAgentsPerHost, " entries; the rest is ignored"));
      break;
    }
    try {
      DesiredAgent agent = desired_agent(entry);
      std::string reason = refusal_of(agent.name, agent.version);
      const auto same_name = [&](const DesiredAgent& other) { return other.name == agent.name; };
      if (reason.empty() && std::any_of(response.desired_agents.begin(), response.desired_agents.end(), same_name)) {
        reason = cat(agent.name, " is in desiredAgents twice; the first entry is used");
      }
      if (reason.empty()) {
        response.desired_agents.push_back(std::move(agent));
      } else {
        response.refused.push_back(std::move(reason));
      }
    } catch (const Json::exception&) {
      response.refused.push_back("an entry of desiredAgents has a field of the wrong type");
    }
  }
  return response;
}

}  // namespace

bool is_valid_name(std::string_view name) { return is_valid_version(name) && name.find('~') == std::string_view::npos; }

bool is_valid_version(std::string_view version) {
  return !version.empty() && version.size() <= 128 && std::isalnum(static_cast<unsigned char>(version[0])) &&
         std::all_of(version.begin(), version.end(), is_version_character);
}

std::string refusal_of(std::string_view name, std::string_view version) {
  if (!is_valid_name(name)) return invalid_name_message(name);
  if (!is_valid_version(version)) return cat(name, ": ", invalid_version_message(version));
  return {};
}

std::string invalid_name_message(std::string_view name) {
  return cat("agent name \"", one_line(name, 64), "\" is not of the form [A-Za-z0-9][A-Za-z0-9._+-]{0,127}");
}

std::string invalid_version_message(std::string_view version) {
  return cat("version \"", one_line(version, 64), "\" is not of the form [A-Za-z0-9][A-Za-z0-9._+~-]{0,127}");
}

bool is_valid_hostname(std::string_view hostname) {
  // The spaces of Unicode, in UTF-8: U+00A0, U+1680, U+2000 to U+200A, U+202F, U+205F, U+3000.
  static constexpr std::string_view kSpaces[] = {" ",
                                                 "\xC2\xA0",
                                                 "\xE1\x9A\x80",
                                                 "\xE2\x80\x80",
                                                 "\xE2\x80\x81",
                                                 "\xE2\x80\x82",
                                                 "\xE2\x80\x83",
                                                 "\xE2\x80\x84",
                                                 "\xE2\x80\x85",
                                                 "\xE2\x80\x86",
                                                 "\xE2\x80\x87",
                                                 "\xE2\x80\x88",
                                                 "\xE2\x80\x89",
                                                 "\xE2\x80\x8A",
                                                 "\xE2\x80\xAF",
                                                 "\xE2\x81\x9F",
                                                 "\xE3\x80\x80"};
  const auto has = [&](std::string_view space) { return hostname.find(space) != std::string_view::npos; };
  return !hostname.empty() && hostname.size() <= kMaxHostnameSize && one_line(hostname, kMaxHostnameSize) == hostname &&
         std::none_of(std::begin(kSpaces), std::end(kSpaces), has);
}

Result<HeartbeatResponse> parse_heartbeat_response(std::string_view body) {
  try {
    return read_response(body);
  } catch (const Json::exception& failure) {
    return Error{cat("the reply is not a heartbeat reply: \"", one_line(trim(body), 100), "\"")};
  }
}

// Bytes that are not UTF-8, in a status for instance, are sent as U+FFFD.
constexpr auto kReplaceBadUtf8 = Json::error_handler_t::replace;

namespace {

Json json_of(const AgentUpdate& update) {
  return {{"name", update.name},   {"version", update.version},   {"phase", update.phase}, {"done", update.done},
          {"total", update.total}, {"attempts", update.attempts}, {"since", update.since}, {"error", update.error}};
}

}  // namespace

std::string to_json(const AgentUpdate& update) { return json_of(update).dump(-1, ' ', false, kReplaceBadUtf8); }

std::string to_json(const HeartbeatRequest& request) {
  Json agents = Json::array();
  for (const RealAgent& agent : request.real_agents) {
    agents.push_back(
        {{"name", agent.name}, {"version", agent.version}, {"status", agent.status}, {"timestamp", agent.timestamp}});
    if (agent.restarts > 0) agents.back()["restarts"] = agent.restarts;
    if (agent.started >= 0) agents.back()["started"] = agent.started;
    if (!agent.md5.empty()) agents.back()["md5"] = agent.md5;
  }
  Json document = {{"hostname", request.hostname},
                   {"realAgents", std::move(agents)},
                   {"updaterVersion", request.updater_version},
                   {"platform", request.platform}};
  if (request.interval > 0) document["interval"] = request.interval;
  if (request.uptime >= 0) document["uptime"] = request.uptime;
  if (!request.host_id.empty()) document["hostId"] = request.host_id;
  if (request.generation > 0) document["generation"] = request.generation;
  if (!request.updates.empty()) {
    Json& updates = document["updates"] = Json::array();
    for (const AgentUpdate& update : request.updates) updates.push_back(json_of(update));
  }
  return document.dump(-1, ' ', false, kReplaceBadUtf8);
}

std::string to_json(const HeartbeatResponse& response) {
  Json agents = Json::array();
  for (const DesiredAgent& agent : response.desired_agents) {
    agents.push_back(
        {{"name", agent.name}, {"version", agent.version}, {"tarball", agent.tarball}, {"md5", agent.md5}, {"cmd", agent.cmd}});
    if (agent.soak >= 0) agents.back()["soak"] = agent.soak;
    if (agent.start_timeout > 0) agents.back()["startTimeout"] = agent.start_timeout;
    if (agent.stop_timeout > 0) agents.back()["stopTimeout"] = agent.stop_timeout;
    if (agent.preserve) agents.back()["preserve"] = true;
    if (!agent.mirrors.empty()) agents.back()["mirrors"] = agent.mirrors;
  }
  Json document = {{"errorMessage", response.error_message}, {"desiredAgents", std::move(agents)}};
  if (response.interval != 0) document["interval"] = response.interval;
  if (response.generation != 0) document["generation"] = response.generation;
  return document.dump(-1, ' ', false, kReplaceBadUtf8);
}

}  // namespace ops
