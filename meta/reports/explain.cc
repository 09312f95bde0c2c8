#include "meta/reports/explain.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "common/protocol/url.h"
#include "meta/reports/fleet_summary.h"

namespace ops::meta {

namespace {

using Json = nlohmann::ordered_json;

/// `version 1.1.0, cmd start`: the fields that are not "".
template <typename Entry>
std::string fields(const Entry& entry) {
  std::string text;
  const auto add = [&text](const char* key, const std::string& value) {
    if (!value.empty()) text += cat(text.empty() ? "" : ", ", key, " ", value);
  };
  add("version", entry.version);
  add("cmd", entry.cmd);
  add("tarball", without_secrets(entry.tarball));
  for (const std::string& mirror : entry.mirrors) add("or", without_secrets(mirror));
  add("md5", without_secrets(entry.md5));
  return text;
}

std::string default_line(const AgentConfig& agent, size_t at) {
  const DesiredAgent& given = agent.defaults;
  return cat("agents[", at, "].default: ", fields(given),
             given.start_timeout > 0 ? cat(", startTimeout ", given.start_timeout) : "",
             given.stop_timeout > 0 ? cat(", stopTimeout ", given.stop_timeout) : "");
}

std::string override_line(const Assignments& assignments, const Assignments::OverrideIndex& index,
                          const std::string& hostname) {
  const Override& entry = assignments.config()->agents[index.agent].others[index.entry];
  std::string line = cat("agents[", index.agent, "].others[", index.entry, "], ",
                         entry.prefix.empty() ? "all hosts" : cat("hosts ", entry.prefix, "*"));
  if (entry.percent < 100) line += cat(", ", entry.percent, " %");
  if (!assignments.applies(index, hostname)) return line + ": this host is not in the share";
  return cat(line, ": ", fields(entry));
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

HostExplanation explain(const Assignments& assignments, RolloutController& controller, const std::string& hostname,
                        const Host& host, std::chrono::system_clock::time_point now) {
  const auto age = std::chrono::floor<std::chrono::seconds>(std::max(now, host.heard_at) - host.heard_at);
  HostExplanation explanation{
      hostname,
      cat(rough(age), " ago, ", host.updater_version.empty() ? "Go updater" : cat("updater ", host.updater_version),
          host.platform.empty() ? "" : ", ", host.platform),
      {},
      {}};
  const auto overrides = assignments.overrides_of(hostname);
  assignments.visit(hostname, [&](size_t at, const DesiredAgent& assigned) {
    const AgentConfig& config = assignments.config()->agents[at];
    AgentExplanation& agent = explanation.agents.emplace_back();
    agent.assigned = assigned;
    agent.lines.push_back(default_line(config, at));
    for (const Assignments::OverrideIndex& index : overrides) {
      if (index.agent == at) agent.lines.push_back(override_line(assignments, index, hostname));
    }
    const RealAgent* real = host.agent(assigned.name);
    if (real != nullptr) agent.installed = describe(*real);
    if (const AgentUpdate* update = host.update(assigned.name)) agent.update = describe(*update);
    const ExplainedAnswer answer = controller.explain(assigned, config.rollout, hostname, host, now);
    agent.why = answer.why;
    if (answer.answer == Answer::desired) agent.answer = assigned.version;
    if (answer.answer == Answer::own) agent.answer = real->version;
  });
  for (const RealAgent& agent : host.agents) {
    if (find_agent(*assignments.config(), agent.name) == nullptr) {
      explanation.unassigned.push_back(cat(agent.name, " ", describe(agent)));
    }
  }
  return explanation;
}

std::string to_text(const HostExplanation& explanation) {
  std::string text = cat(explanation.host, ", last heartbeat ", explanation.last_seen, "\n");
  for (const AgentExplanation& agent : explanation.agents) {
    const std::string cmd = agent.assigned.cmd.empty() ? "leave it alone" : agent.assigned.cmd;
    text += cat("\n", agent.assigned.name, "\n  assigned   ", agent.assigned.version, ", ", cmd, "\n");
    for (const std::string& line : agent.lines) text += cat("      by ", line, "\n");
    text += cat("  installed  ", or_nothing(agent.installed), "\n");
    if (!agent.update.empty()) text += cat("  update     ", agent.update, "\n");
    text += cat("  answer     ", or_nothing(agent.answer), ": ", agent.why, "\n");
  }
  for (const std::string& agent : explanation.unassigned) {
    text += cat("\n", agent, "\n  is not in the config: ops-updater does not manage it\n");
  }
  return text;
}

std::string to_json(const HostExplanation& explanation) {
  Json agents = Json::array();
  for (const AgentExplanation& agent : explanation.agents) {
    agents.push_back({{"name", agent.assigned.name},
                      {"version", agent.assigned.version},
                      {"cmd", agent.assigned.cmd},
                      {"lines", agent.lines},
                      {"has", agent.installed},
                      {"update", agent.update},
                      {"told", agent.answer},
                      {"why", agent.why}});
  }
  const Json json = {{"hostname", explanation.host},
                     {"lastSeen", explanation.last_seen},
                     {"agents", std::move(agents)},
                     {"others", explanation.unassigned}};
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace ops::meta
