#pragma once

// The effect of a new config on hosts, as they last reported, compared with the config in force: POST /plan?format=counts, by
// which ./control decides whether it asks the operator, and the warning after a reload. A preview (preview.h) lists everything
// that the new config wants; a change leaves out what the config in force wants, too.

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "meta/config/assignments.h"
#include "meta/hosts/host_table.h"
#include "meta/hosts/host_walk.h"
#include "meta/reports/fleet_scan.h"

namespace ops::meta {

/// The effect on one agent of a host, the most dangerous first.
enum class Effect {
  stop,     // the agent runs, and the new config stops it
  drop,     // the agent runs, and is no longer managed: the new config does not name it, or gives it an empty cmd
  older,    // the installed version is replaced by an older one
  content,  // the installed version gets another `md5`, a checksum: its content is replaced
  url,      // the installed version gets another `tarball`, or an `md5` that is a URL
  replace,  // the installed version is replaced by a newer one
  install,  // the host does not have the agent
  start,    // the config in force stops the agent
};
inline constexpr size_t kEffects = 8;

/// What ./control does before it applies the change.
enum class Verdict {
  go,      // applies it
  ask,     // on a terminal, asks first
  refuse,  // the same; without a terminal, needs --yes
};

struct ConfigChange {
  using Key = std::tuple<Effect, std::string, std::string, std::string>;  // effect, agent, version before, version after

  uint32_t hosts = 0;                         // known
  std::array<uint32_t, kEffects> affected{};  // hosts by effect; each host counts once per effect
  uint32_t losing = 0;                        // hosts with at least one stop, drop or older
  uint32_t touched = 0;                       // hosts with at least one effect other than install and start
  uint32_t changed = 0;                       // hosts with at least one effect
  std::map<Key, HostsOf> effects;

  /// The effects on one agent, without the counts of hosts.
  ConfigChange of_agent(const std::string& agent) const;
  uint32_t of(Effect effect) const { return affected[static_cast<size_t>(effect)]; }

  /// `refuse` if more than 10 hosts, and more than 10 % of all, are `losing`; `ask` if more than one host is `touched`.
  Verdict verdict() const;
  /// Whether the log and the page warn of it: it stops, drops, makes older or replaces the content of something.
  bool is_dangerous() const { return losing > 0 || of(Effect::content) > 0; }
};

/// One line per effect, like "falcon-agent stops on 990 hosts, like h1, h2, h3". `dangerous_only`: those of is_dangerous().
std::vector<std::string> lines_of(const ConfigChange& change, bool dangerous_only = false);
inline constexpr size_t kMaxEffectLines = 20;  // the last line sums up all others

/// For ./control: lines of "KEY NUMBER", and of "rollout AGENT VERSION HOSTS" for each rollout that begins; an empty line; then
/// a text for the operator.
std::string to_counts(const ConfigChange& change);

/// Compares two configs. Borrows the table.
class ConfigChangeScanner {
 public:
  ConfigChangeScanner(const HostTable& hosts, std::shared_ptr<const Assignments> in_force,
                      std::shared_ptr<const Assignments> fresh);

  /// Examines some more hosts, for a few milliseconds. False when all hosts are examined.
  bool step();

  /// To be called once, after the last step.
  ConfigChange result() { return std::move(change_); }

 private:
  void examine(const HostView& host);

  const std::shared_ptr<const Assignments> in_force_;
  const std::shared_ptr<const Assignments> fresh_;
  std::vector<std::optional<size_t>> before_;  // by place in the fresh config: the place in the config in force
  std::vector<size_t> dropped_;                // places in the config in force of agents that the fresh config does not name
  std::vector<DesiredAgent> assigned_;         // to the host that is examined, by the config in force
  ConfigChange change_;
  HostWalk walk_;
};

}  // namespace ops::meta
