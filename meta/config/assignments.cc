#include "meta/config/assignments.h"

#include <algorithm>
#include <set>

#include "common/base/json_writer.h"
#include "meta/config/percent_bucket.h"
#include "meta/hosts/survey.h"

namespace ops::meta {

namespace {

void set_unless_empty(std::string& field, const std::string& value) {
  if (!value.empty()) field = value;
}

/// As JSON of the protocol.
void append_agent(std::string& to, const DesiredAgent& agent) {
  to += R"({"name":)";
  append_json_string(to, agent.name);
  to += R"(,"version":)";
  append_json_string(to, agent.version);
  to += R"(,"tarball":)";
  append_json_string(to, agent.tarball);
  to += R"(,"md5":)";
  append_json_string(to, agent.md5);
  to += R"(,"cmd":)";
  append_json_string(to, agent.cmd);
  if (agent.preserve) to += R"(,"preserve":true)";
  if (agent.start_timeout > 0) to += cat(",\"startTimeout\":", agent.start_timeout);
  if (agent.stop_timeout > 0) to += cat(",\"stopTimeout\":", agent.stop_timeout);
  for (size_t i = 0; i < agent.mirrors.size(); ++i) {
    to += i == 0 ? R"(,"mirrors":[)" : ",";
    append_json_string(to, agent.mirrors[i]);
  }
  if (!agent.mirrors.empty()) to += ']';
  to += '}';
}

/// The assignment with the version that the host has instead. Drops a checksum, which is that of the assigned version.
DesiredAgent at_own_version(DesiredAgent desired, const std::vector<RealAgent>& own) {
  if (const RealAgent* real = find_by_name(own, desired.name)) desired.version = real->version;
  if (is_hex(desired.md5, 32)) desired.md5.clear();
  return desired;
}

using OverrideIndex = Assignments::OverrideIndex;

/// Removes the overrides of one agent from the front of a sorted list, and returns them.
std::span<const OverrideIndex> take_agent(std::span<const OverrideIndex>& overrides, uint32_t agent) {
  const auto is_other = [agent](const OverrideIndex& index) { return index.agent != agent; };
  const auto end = std::find_if(overrides.begin(), overrides.end(), is_other);
  const auto taken = overrides.first(static_cast<size_t>(end - overrides.begin()));
  overrides = overrides.subspan(taken.size());
  return taken;
}

}  // namespace

void apply(const Override& entry, DesiredAgent& agent) {
  set_unless_empty(agent.version, entry.version);
  if (!entry.tarball.empty()) agent.mirrors = entry.mirrors;
  set_unless_empty(agent.tarball, entry.tarball);
  set_unless_empty(agent.md5, entry.md5);
  set_unless_empty(agent.cmd, entry.cmd);
}

Assignments::Assignments(std::shared_ptr<const Config> config) : config_(std::move(config)) {
  std::set<size_t> lengths;
  for (uint32_t agent = 0; agent < config_->agents.size(); ++agent) {
    const AgentConfig& entry = config_->agents[agent];
    append_agent(default_json_.emplace_back(), entry.defaults);
    for (uint32_t i = 0; i < entry.others.size(); ++i) {
      by_prefix_[entry.others[i].prefix].push_back({agent, i});
      lengths.insert(entry.others[i].prefix.size());
    }
  }
  prefix_lengths_.assign(lengths.begin(), lengths.end());
}

std::vector<Assignments::OverrideIndex> Assignments::overrides_of(std::string_view hostname) const {
  std::vector<OverrideIndex> all;
  for (const size_t length : prefix_lengths_) {
    if (length > hostname.size()) break;
    const auto found = by_prefix_.find(hostname.substr(0, length));
    if (found != by_prefix_.end()) all.insert(all.end(), found->second.begin(), found->second.end());
  }
  std::sort(all.begin(), all.end());
  return all;
}

bool Assignments::applies(const OverrideIndex& index, std::string_view hostname) const {
  const AgentConfig& agent = config_->agents[index.agent];
  const double percent = agent.others[index.entry].percent;
  return percent >= 100 || is_in_share(agent.defaults.name, hostname, percent);
}

DesiredAgent Assignments::resolve(size_t agent, std::span<const OverrideIndex> overrides, std::string_view hostname) const {
  const AgentConfig& config = config_->agents[agent];
  DesiredAgent desired = config.defaults;
  for (const OverrideIndex& index : overrides) {
    if (!applies(index, hostname)) continue;
    apply(config.others[index.entry], desired);
  }
  return desired;
}

void Assignments::visit(std::string_view hostname, const Use& use) const {
  const std::vector<OverrideIndex> overrides = overrides_of(hostname);
  std::span<const OverrideIndex> left = overrides;
  for (uint32_t agent = 0; agent < config_->agents.size(); ++agent) {
    const auto overriding = take_agent(left, agent);
    if (overriding.empty()) {
      use(agent, config_->agents[agent].defaults);
    } else {
      use(agent, resolve(agent, overriding, hostname));
    }
  }
}

std::vector<DesiredAgent> Assignments::agents(std::string_view hostname) const {
  std::vector<DesiredAgent> all;
  all.reserve(config_->agents.size());
  visit(hostname, [&](size_t /*agent*/, const DesiredAgent& desired) { all.push_back(desired); });
  return all;
}

std::string Assignments::reply(std::string_view hostname, const std::vector<RealAgent>& own, const Decide& decide,
                               std::chrono::seconds interval) const {
  std::string json = R"({"errorMessage":"","desiredAgents":[)";
  visit(hostname, [&](size_t agent, const DesiredAgent& desired) {
    const AgentConfig& config = config_->agents[agent];
    const Answer answer = decide(desired, config.rollout);
    if (answer == Answer::nothing) return;
    if (!json.ends_with('[')) json += ',';
    if (answer == Answer::own) {
      append_agent(json, at_own_version(desired, own));
    } else if (&desired == &config.defaults) {
      json += default_json_[agent];
    } else {
      append_agent(json, desired);
    }
    if (answer != Answer::desired || desired.cmd != "start" || config.rollout.parallel == 0 || interval.count() == 0) return;
    json.back() = ',';  // in place of the agent's }
    json += cat("\"soak\":", soak_of(config.rollout.soak, interval).count(), "}");
  });
  json += ']';
  if (config_->interval.count() > 0) json += cat(",\"interval\":", config_->interval.count());
  return json += '}';
}

}  // namespace ops::meta
