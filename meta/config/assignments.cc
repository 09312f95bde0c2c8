#include "meta/config/assignments.h"

#include <algorithm>
#include <set>

#include "common/base/json_writer.h"
#include "meta/config/percent_bucket.h"

namespace ops::meta {

namespace {

void inherit_unless_given(std::string& field, const std::string& given) {
  if (!given.empty()) field = given;
}

/// As the protocol has it.
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
  to += '}';
}

/// The agent in the version that the host has. A checksum in the config is the other version's.
DesiredAgent held_at(DesiredAgent desired, const std::vector<RealAgent>& own) {
  if (const RealAgent* real = find_by_name(own, desired.name)) desired.version = real->version;
  if (is_hex(desired.md5, 32)) desired.md5.clear();
  return desired;
}

/// Takes those of one agent from the front of what is sorted.
template <typename Place>
std::span<const Place> take(std::span<const Place>& places, uint32_t agent) {
  const auto is_other = [agent](const Place& place) { return place.agent != agent; };
  const auto end = std::find_if(places.begin(), places.end(), is_other);
  const auto taken = places.first(static_cast<size_t>(end - places.begin()));
  places = places.subspan(taken.size());
  return taken;
}

}  // namespace

void apply(const Override& entry, DesiredAgent& agent) {
  inherit_unless_given(agent.version, entry.version);
  inherit_unless_given(agent.tarball, entry.tarball);
  inherit_unless_given(agent.md5, entry.md5);
  inherit_unless_given(agent.cmd, entry.cmd);
}

Assignments::Assignments(std::shared_ptr<const Config> config) : config_(std::move(config)) {
  std::set<size_t> lengths;
  for (uint32_t agent = 0; agent < config_->agents.size(); ++agent) {
    const AgentConfig& entry = config_->agents[agent];
    append_agent(defaults_.emplace_back(), entry.defaults);
    for (uint32_t i = 0; i < entry.others.size(); ++i) {
      places_[entry.others[i].prefix].push_back({agent, i});
      lengths.insert(entry.others[i].prefix.size());
    }
  }
  lengths_.assign(lengths.begin(), lengths.end());
}

std::vector<Assignments::Place> Assignments::overrides_of(std::string_view hostname) const {
  std::vector<Place> all;
  for (const size_t length : lengths_) {
    if (length > hostname.size()) break;
    const auto found = places_.find(hostname.substr(0, length));
    if (found != places_.end()) all.insert(all.end(), found->second.begin(), found->second.end());
  }
  std::sort(all.begin(), all.end());
  return all;
}

bool Assignments::applies(const Place& place, std::string_view hostname) const {
  const AgentConfig& agent = config_->agents[place.agent];
  const double percent = agent.others[place.entry].percent;
  return percent >= 100 || is_in_share(agent.defaults.name, hostname, percent);
}

DesiredAgent Assignments::resolve(size_t agent, std::span<const Place> overrides, std::string_view hostname) const {
  const AgentConfig& config = config_->agents[agent];
  DesiredAgent desired = config.defaults;
  for (const Place& place : overrides) {
    if (!applies(place, hostname)) continue;
    apply(config.others[place.entry], desired);
  }
  return desired;
}

void Assignments::visit(std::string_view hostname, const Use& use) const {
  const std::vector<Place> overrides = overrides_of(hostname);
  std::span<const Place> left = overrides;
  for (uint32_t agent = 0; agent < config_->agents.size(); ++agent) {
    const auto overriding = take(left, agent);
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

std::string Assignments::reply(std::string_view hostname, const std::vector<RealAgent>& own, const Decide& tell) const {
  std::string json = R"({"errorMessage":"","desiredAgents":[)";
  visit(hostname, [&](size_t agent, const DesiredAgent& desired) {
    const AgentConfig& config = config_->agents[agent];
    const Answer told = tell(desired, config.rollout);
    if (told == Answer::nothing) return;
    if (!json.ends_with('[')) json += ',';
    if (told == Answer::own) {
      append_agent(json, held_at(desired, own));
    } else if (&desired == &config.defaults) {
      json += defaults_[agent];
    } else {
      append_agent(json, desired);
    }
  });
  json += ']';
  if (config_->interval.count() > 0) json += cat(",\"interval\":", config_->interval.count());
  return json += '}';
}

}  // namespace ops::meta
