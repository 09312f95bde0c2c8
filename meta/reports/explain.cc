#include "meta/reports/explain.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "common/protocol/url.h"
#include "meta/reports/fleet_summary.h"

namespace ops::meta {

namespace {

using Json = nlohmann::ordered_json;

/// `version 1.1.0, cmd start`: the fields that are given.
std::string fields(const std::string& version, const std::string& tarball, const std::string& md5, const std::string& cmd) {
  std::string text;
  const auto add = [&text](const char* key, const std::string& value) {
    if (!value.empty()) text += cat(text.empty() ? "" : ", ", key, " ", value);
  };
  add("version", version);
  add("cmd", cmd);
  add("tarball", without_password(tarball));
  add("md5", without_password(md5));
  return text;
}

std::string default_line(const AgentConfig& agent, size_t at) {
  const DesiredAgent& given = agent.defaults;
  return cat("agents[", at, "].default: ", fields(given.version, given.tarball, given.md5, given.cmd));
}

std::string override_line(const Assignments& desired, const Assignments::Place& place, const std::string& hostname) {
  const Override& entry = desired.config()->agents[place.agent].others[place.entry];
  std::string line = cat("agents[", place.agent, "].others[", place.entry, "], ",
                         entry.prefix.empty() ? "all hosts" : cat("hosts ", entry.prefix, "*"));
  if (entry.percent < 100) line += cat(", ", entry.percent, " %");
  if (!desired.applies(place, hostname)) return line + ": this host is not in that share";
  return cat(line, ": ", fields(entry.version, entry.tarball, entry.md5, entry.cmd));
}

std::string describe(const AgentUpdate& update) {
  std::string text = cat(update.version, " ", update.phase);
  if (update.total > 0)
    text += cat(", ", grouped(static_cast<uint64_t>(std::max<int64_t>(0, update.done))), " of ",
                grouped(static_cast<uint64_t>(update.total)), " bytes");
  if (update.attempts > 1) text += cat(", attempt ", update.attempts);
  return update.error.empty() ? text : cat(text, ": ", update.error);
}

std::string describe(const RealAgent& agent) { return cat(agent.version, ", ", agent.status); }

std::string or_nothing(const std::string& text) { return text.empty() ? "nothing" : text; }

}  // namespace

HostExplanation explain(const Assignments& desired, RolloutController& controller, const std::string& hostname,
                        const Host& host, std::chrono::system_clock::time_point now) {
  const auto age = std::chrono::floor<std::chrono::seconds>(std::max(now, host.heard_at) - host.heard_at);
  HostExplanation explanation{hostname,
                              cat(rough(age), " ago, updater ", host.updater_version.empty() ? "of Go" : host.updater_version,
                                  host.platform.empty() ? "" : ", ", host.platform),
                              {},
                              {}};
  const auto overrides = desired.overrides_of(hostname);
  desired.visit(hostname, [&](size_t at, const DesiredAgent& wanted) {
    const AgentConfig& config = desired.config()->agents[at];
    AgentExplanation& agent = explanation.agents.emplace_back();
    agent.desired = wanted;
    agent.lines.push_back(default_line(config, at));
    for (const Assignments::Place& place : overrides) {
      if (place.agent == at) agent.lines.push_back(override_line(desired, place, hostname));
    }
    const RealAgent* real = host.agent(wanted.name);
    if (real != nullptr) agent.has = describe(*real);
    if (const AgentUpdate* update = host.update(wanted.name)) agent.update = describe(*update);
    const ExplainedAnswer told = controller.explain(wanted, config.rollout, hostname, host, now);
    agent.why = told.why;
    if (told.told == Answer::desired) agent.told = wanted.version;
    if (told.told == Answer::own) agent.told = real->version;
  });
  for (const RealAgent& agent : host.agents) {
    if (find_agent(*desired.config(), agent.name) == nullptr) {
      explanation.others.push_back(cat(agent.name, " ", describe(agent)));
    }
  }
  return explanation;
}

std::string to_text(const HostExplanation& explanation) {
  std::string text = cat(explanation.host, ", heard ", explanation.last_seen, "\n");
  for (const AgentExplanation& agent : explanation.agents) {
    const std::string cmd = agent.desired.cmd.empty() ? "leave it alone" : agent.desired.cmd;
    text += cat("\n", agent.desired.name, "\n  should be  ", agent.desired.version, ", ", cmd, "\n");
    for (const std::string& line : agent.lines) text += cat("      by ", line, "\n");
    text += cat("  has        ", or_nothing(agent.has), "\n");
    if (!agent.update.empty()) text += cat("  update     ", agent.update, "\n");
    text += cat("  is told    ", or_nothing(agent.told), ": ", agent.why, "\n");
  }
  for (const std::string& agent : explanation.others) {
    text += cat("\n", agent, "\n  is not in this config, so nobody looks after it\n");
  }
  return text;
}

std::string to_json(const HostExplanation& explanation) {
  Json agents = Json::array();
  for (const AgentExplanation& agent : explanation.agents) {
    agents.push_back({{"name", agent.desired.name},
                      {"version", agent.desired.version},
                      {"cmd", agent.desired.cmd},
                      {"lines", agent.lines},
                      {"has", agent.has},
                      {"update", agent.update},
                      {"told", agent.told},
                      {"why", agent.why}});
  }
  const Json json = {{"hostname", explanation.host},
                     {"lastSeen", explanation.last_seen},
                     {"agents", std::move(agents)},
                     {"others", explanation.others}};
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace ops::meta
