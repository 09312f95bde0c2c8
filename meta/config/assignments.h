#pragma once

// The assignments of the config: the agents and versions that should run on each host. The rollout (meta/rollout) decides when
// a host changes to its assignment.
//
// Every override whose prefix the hostname starts with applies, in the order of the config. A field that is not "" replaces the
// value before it (the original's rule). An override with a `percent` applies to that share of these hosts only.
//
// A config may have thousands of overrides, and 3,000 hosts send a heartbeat each second. So the constructor indexes the
// prefixes, and a lookup costs one hash table access for each distinct length of a prefix.

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

/// Sets each field of `agent` for which the override has a value.
void apply(const Override& entry, DesiredAgent& agent);

/// The version of an agent in the reply to a heartbeat.
enum class Answer {
  desired,  // the assigned one
  own,      // the one that the host has
  nothing,  // the reply leaves the agent out
};

/// An indexed config. Constant after construction.
class Assignments {
 public:
  explicit Assignments(std::shared_ptr<const Config> config);
  Assignments(const Assignments&) = delete;
  Assignments& operator=(const Assignments&) = delete;

  const std::shared_ptr<const Config>& config() const { return config_; }

  /// Calls `use` for every agent of the config, in that order, with its index in Config::agents and its assignment to the host.
  /// `desired` is valid only during the call.
  using Use = std::function<void(size_t agent, const DesiredAgent& desired)>;
  void visit(std::string_view hostname, const Use& use) const;

  /// The assignments that visit() passes.
  std::vector<DesiredAgent> agents(std::string_view hostname) const;

  /// Identifies an override: Config::agents[agent].others[entry].
  struct OverrideIndex {
    uint32_t agent;
    uint32_t entry;
    auto operator<=>(const OverrideIndex&) const = default;  // the order of the config
  };
  /// The overrides whose prefix the hostname starts with, in the order of the config. Ignores `percent`.
  std::vector<OverrideIndex> overrides_of(std::string_view hostname) const;
  /// Whether the `percent` of such an override selects the host.
  bool applies(const OverrideIndex& index, std::string_view hostname) const;

  /// Decides on the version in the reply. It may return Answer::own only for an agent that the host has.
  using Decide = std::function<Answer(const DesiredAgent& desired, const RolloutLimits& limits)>;

  /// The reply to a heartbeat, in JSON. `own` are the agents that the host has, `interval` is the one that it reports (0:
  /// none).
  std::string reply(std::string_view hostname, const std::vector<RealAgent>& own, const Decide& decide,
                    std::chrono::seconds interval = {}) const;

 private:
  DesiredAgent resolve(size_t agent, std::span<const OverrideIndex> overrides, std::string_view hostname) const;

  const std::shared_ptr<const Config> config_;
  std::unordered_map<std::string_view, std::vector<OverrideIndex>> by_prefix_;  // the keys point into config_
  std::vector<size_t> prefix_lengths_;                                          // ascending, each length once
  std::vector<std::string> default_json_;                                       // by agent: its `default` as it is in a reply
};

}  // namespace ops::meta
