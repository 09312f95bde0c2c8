#pragma once

// What should run on a host, by the config alone.
//
// All of an agent's overrides whose prefix the hostname starts with apply, in the order of the config: a field that is not ""
// replaces what stood before (the original's rule); one with a `percent` only for that share of the hosts. There may be
// thousands of them, and 3,000 hosts ask each second, so a config is prepared once: a hostname's beginnings are looked up among
// the prefixes, one for each length that a prefix has.

#include <compare>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "common/protocol/heartbeat.h"
#include "meta/config/config.h"

namespace ops::meta {

/// Replaces what the override gives.
void apply(const Override& entry, DesiredAgent& agent);

/// What a host is told of an agent.
enum class Answer {
  desired,  // what should run there
  own,      // the version that it has
  nothing,
};

/// A config, prepared. Constant after construction.
class Assignments {
 public:
  explicit Assignments(std::shared_ptr<const Config> config);
  Assignments(const Assignments&) = delete;
  Assignments& operator=(const Assignments&) = delete;

  const std::shared_ptr<const Config>& config() const { return config_; }

  /// Calls `use` for every configured agent, in the order of the config: with its place there, and what the host should have
  /// of it, borrowed for the call.
  using Use = std::function<void(size_t agent, const DesiredAgent& desired)>;
  void visit(std::string_view hostname, const Use& use) const;

  /// The same, as values.
  std::vector<DesiredAgent> agents(std::string_view hostname) const;

  /// An override of the config, agents[agent].others[entry]. They sort in its order.
  struct Place {
    uint32_t agent;
    uint32_t entry;
    auto operator<=>(const Place&) const = default;
  };
  /// Those whose prefix the hostname starts with, in the order of the config.
  std::vector<Place> overrides_of(std::string_view hostname) const;
  /// Whether the host is in the share that such an override is for.
  bool applies(const Place& place, std::string_view hostname) const;

  /// What the host is told of an agent; of its own version when that is in `own`.
  using Decide = std::function<Answer(const DesiredAgent& desired, const RolloutLimits& limits)>;

  /// The heartbeat's reply, in JSON. `own` are the agents that the host has.
  std::string reply(std::string_view hostname, const std::vector<RealAgent>& own, const Decide& tell) const;

 private:
  DesiredAgent resolve(size_t agent, std::span<const Place> overrides, std::string_view hostname) const;

  const std::shared_ptr<const Config> config_;
  std::unordered_map<std::string_view, std::vector<Place>> places_;  // by prefix; the keys are the config's texts
  std::vector<size_t> lengths_;                                      // of the prefixes, each once, sorted
  std::vector<std::string> defaults_;                                // by agent: what it is without overrides, in JSON
};

}  // namespace ops::meta
