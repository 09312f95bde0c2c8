#include "tests/fleet/hosts.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "common/protocol/heartbeat.h"

namespace ops::fleet {

namespace {

constexpr std::array kRoles{"lg-cloud-web", "lg-cloud-app", "lg-mq-broker",  "bj-hadoop-data", "bj-search-index",
                            "sh-db-mysql",  "sh-cache",     "hk-edge-nginx", "tj-gpu-train",   "tc-pay-gate"};
constexpr int kDatacenters = 7;
constexpr int64_t kTarballSize = 20'971'520;
constexpr size_t kMaxKnownReplies = 4096;

uint64_t mix(uint64_t x) {  // splitmix64
  x += 0x9e3779b97f4a7c15;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

void append(std::string& to, int64_t number) {
  std::array<char, 24> text;
  const auto [end, error] = std::to_chars(text.begin(), text.end(), number);
  to.append(text.data(), end);
}

/// The output of the agent's `./control status`.
std::string_view status_of(uint32_t host, size_t agent, bool stopped, double unwell) {
  if (stopped) return "stoped";
  const uint64_t hash = mix(uint64_t{host} * 31 + agent);
  if (static_cast<double>(hash % 10'000) >= unwell * 100) return "started";
  return hash % 3 != 0 ? "stoped" : "./control: line 31: var/app.pid: No space left on device";
}

/// The value of an agent. The last value applies to all agents behind the end of the list.
template <typename Value>
const Value& of_agent(const std::vector<Value>& values, size_t agent) {
  return values[std::min(agent, values.size() - 1)];
}

}  // namespace

Hosts::Hosts(HostsOptions options) : options_(std::move(options)), counts_(options_.agents.size()) {
  std::vector<Agent> first(options_.agents.size());
  for (size_t i = 0; i < first.size() && !options_.fresh; ++i) first[i].version = version_id(of_agent(options_.versions, i));
  agents_.reserve(options_.hosts * first.size());
  for (uint32_t host = 0; host < options_.hosts; ++host) agents_.insert(agents_.end(), first.begin(), first.end());
}

std::string Hosts::name(uint32_t host) const {
  std::string name = kRoles[mix(host) % kRoles.size()];
  const std::string number = std::to_string(host);
  name.append("-").append(7 - std::min<size_t>(7, number.size()), '0').append(number).append(".dc");
  append(name, static_cast<int64_t>(host) % kDatacenters + 1);
  return name;
}

bool Hosts::has_go_updater(uint32_t host) const { return is_chosen(host, 0, 1, options_.go); }

bool Hosts::is_chosen(uint32_t host, uint16_t version, uint64_t salt, double percent) const {
  if (percent <= 0) return false;
  return static_cast<double>(mix(host * 1009ull + version * 13ull + salt * 7919) % 10'000) < percent * 100;
}

uint16_t Hosts::version_id(const std::string& version) {
  const auto known = std::find(versions_.begin(), versions_.end(), version);
  const auto id = static_cast<uint16_t>(known - versions_.begin());
  if (known == versions_.end()) versions_.push_back(version);
  return id;
}

void Hosts::render(uint32_t host, int64_t now, int64_t unix_now, std::string& to) {
  const bool go = has_go_updater(host);
  to.append("{\"hostname\":\"").append(name(host)).append("\",\"realAgents\":[");
  bool is_first = true;
  bool has_updates = false;
  for (size_t i = 0; i < options_.agents.size(); ++i) {
    Agent& one = agent(host, i);
    advance(host, i, now);
    has_updates |= one.phase != Phase::idle;
    if (one.version == 0) continue;
    to.append(is_first ? "{\"name\":\"" : ",{\"name\":\"").append(options_.agents[i]).append("\",\"version\":\"");
    to.append(versions_[one.version]).append("\",\"status\":\"").append(status_of(host, i, one.stopped, options_.unwell));
    append(to.append("\",\"timestamp\":"), unix_now);
    to.push_back('}');
    is_first = false;
  }
  to.push_back(']');
  if (!go) {
    to.append(",\"updaterVersion\":\"1.0.0\",\"platform\":\"linux_amd64\"");
    if (options_.reported_interval > 0) append(to.append(",\"interval\":"), options_.reported_interval);
    if (has_updates) {
      to.append(",\"updates\":[");
      for (size_t i = 0; i < options_.agents.size(); ++i) {
        if (agent(host, i).phase != Phase::idle) render_update(agent(host, i), i, now, unix_now, to);
      }
      to.back() = ']';  // in place of the last comma
    }
  }
  to.push_back('}');
}

void Hosts::render_update(const Agent& agent, size_t index, int64_t now, int64_t unix_now, std::string& to) const {
  const bool loads = agent.phase == Phase::downloading;
  to.append("{\"name\":\"").append(options_.agents[index]).append("\",\"version\":\"").append(versions_[agent.target]);
  to.append("\",\"phase\":\"").append(to_word(agent.phase));
  append(to.append("\",\"done\":"), loads ? kTarballSize / 2 : 0);
  append(to.append(",\"total\":"), loads ? kTarballSize : 0);
  append(to.append(",\"attempts\":1,\"since\":"), unix_now - (now - agent.since) / 1000);
  to.append(",\"error\":\"").append(has_failed(agent.phase) ? "it did not stay started for its probation" : "").append("\"},");
}

void Hosts::advance(uint32_t host, size_t index, int64_t now) {
  Agent& agent = this->agent(host, index);
  UpdateCounts& counts = counts_[index];
  if (agent.phase != Phase::downloading && agent.phase != Phase::probation) return;
  if (now < agent.until) return;
  const bool fails = is_chosen(host, agent.target, 2, of_agent(options_.fail, index));
  agent.since = agent.until;
  if (agent.phase == Phase::downloading && !(fails && has_go_updater(host))) {
    agent.previous = agent.version;
    agent.version = agent.target;
    agent.phase = Phase::probation;
    ++counts.started;
    agent.until = static_cast<uint32_t>(now + static_cast<int64_t>(options_.probation * 1000));
  } else if (fails) {
    if (agent.phase == Phase::probation) agent.version = agent.previous;
    agent.phase = agent.version == 0 ? Phase::failed : Phase::rolled_back;
    ++counts.failed;
  } else {
    agent.phase = Phase::idle;
    ++counts.done;
  }
}

bool Hosts::follow(uint32_t host, size_t index, const Command& order, int64_t now) {
  Agent& agent = this->agent(host, index);
  if (order.version == 0) return false;
  if (order.stop && !agent.stopped) {
    agent.stopped = true;
    return !has_go_updater(host);
  }
  if (!order.start) return false;
  agent.stopped = false;
  if (order.version == agent.version) {
    if (agent.phase != Phase::probation) agent.phase = Phase::idle;
    return false;
  }
  if (agent.phase != Phase::idle && agent.target == order.version) return false;
  agent.phase = Phase::downloading;
  agent.target = order.version;
  agent.since = static_cast<uint32_t>(now);
  agent.until = static_cast<uint32_t>(now + static_cast<int64_t>(options_.update_time * 1000));
  ++counts_[index].begun;
  return !has_go_updater(host);
}

Hosts::Reaction Hosts::obey(uint32_t host, std::string_view reply, int64_t now) {
  const Commands& commands = commands_in(reply);
  Reaction reaction;
  reaction.error = commands.error;
  reaction.interval = commands.interval;
  if (!commands.error.empty()) return reaction;
  const bool go = has_go_updater(host);
  for (size_t i = 0; i < options_.agents.size(); ++i) {
    Agent& one = agent(host, i);
    const bool was_downloading = one.phase == Phase::downloading;
    const bool reports_at_once = follow(host, i, commands.agents[i], now);
    if (reports_at_once)
      reaction.report_at = std::min(reaction.report_at, now + static_cast<int64_t>(options_.report_delay * 1000));
    if (one.phase != Phase::downloading && one.phase != Phase::probation) continue;
    if (was_downloading && is_chosen(host, one.target, 3, of_agent(options_.silent, i))) {
      reaction.falls_silent = true;
      ++counts_[i].silent;
    }
    if (!go) reaction.report_at = std::min<int64_t>(reaction.report_at, one.until);
  }
  return reaction;
}

const Hosts::Commands& Hosts::commands_in(std::string_view reply) {
  if (last_reply_ != nullptr && last_reply_->first == reply) return last_reply_->second;
  auto known = known_replies_.find(std::string(reply));
  if (known == known_replies_.end()) {
    if (known_replies_.size() >= kMaxKnownReplies) known_replies_.clear();
    known = known_replies_.emplace(std::string(reply), parse(reply)).first;
  }
  last_reply_ = &*known;
  return last_reply_->second;
}

Hosts::Commands Hosts::parse(std::string_view reply) {
  Commands commands;
  commands.agents.resize(options_.agents.size());
  const auto response = parse_heartbeat_response(reply);
  if (!response || !response->error_message.empty() || !response->refused.empty()) {
    commands.error = "invalid heartbeat reply";
    return commands;
  }
  commands.interval = response->interval;
  for (const DesiredAgent& desired : response->desired_agents) {
    const auto name = std::find(options_.agents.begin(), options_.agents.end(), desired.name);
    if (name == options_.agents.end()) continue;
    commands.agents[static_cast<size_t>(name - options_.agents.begin())] = {version_id(desired.version), desired.cmd == "start",
                                                                            desired.cmd == "stop"};
  }
  return commands;
}

}  // namespace ops::fleet
