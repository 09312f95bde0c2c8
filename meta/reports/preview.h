#pragma once

// What a new config would do, seen from what the hosts report now, before it is in force: POST /plan and `./control plan`.

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "meta/config/assignments.h"
#include "meta/hosts/host_table.h"
#include "meta/hosts/host_walk.h"
#include "meta/reports/fleet_scan.h"

namespace ops::meta {

struct AgentPreview {
  /// Hosts that the new config wants on another version than they have, by the two; "" is none. `already`: of these, those
  /// that the config in force wants there as well.
  struct Move {
    HostsOf hosts;
    uint32_t already = 0;
  };
  std::map<std::pair<std::string, std::string>, Move> moves;
  HostsOf starts;      // that have the version, stopped by the config in force
  HostsOf stops;       // that run it, and are to stop it
  uint32_t stays = 0;  // nothing changes there

  /// An override of the new config.
  struct Reach {
    std::string place;     // "others[0], hosts lg-*, 5 %"
    uint32_t matched = 0;  // hosts of that prefix
    uint32_t taken = 0;    // of these, the share
  };
  std::vector<Reach> overrides;
  std::vector<std::string> warnings;
};

struct Preview {
  size_t hosts = 0;
  std::vector<std::pair<std::string, AgentPreview>> agents;  // by name, in the order of the new config
  std::vector<std::string> warnings;                         // of agents that it doesn't have any more
};

/// For people; and for scripts.
std::string to_text(const Preview& plan);
std::string to_json(const Preview& plan);

/// Makes a plan. Borrows the table.
class Previewer {
 public:
  Previewer(const HostTable& hosts, std::shared_ptr<const Assignments> in_force, std::shared_ptr<const Assignments> fresh);

  /// Goes on with some hosts, for a few milliseconds; false when all were seen.
  bool step();

  /// To be called once, at the end.
  Preview result();

 private:
  void look_at(const HostView& host);
  void compare(const HostView& host, const DesiredAgent* before, const DesiredAgent& after, AgentPreview& plan);
  void warn_of(const AgentConfig& config, const std::map<std::string, ReleaseCounts>& seen, AgentPreview& plan) const;

  const HostTable& hosts_;
  const std::shared_ptr<const Assignments> in_force_;
  const std::shared_ptr<const Assignments> fresh_;
  std::vector<std::optional<size_t>> before_;  // by place in the fresh config: that in the other, if it is there
  Preview plan_;
  std::vector<DesiredAgent> wanted_;  // of one host, by the config in force
  HostWalk walk_;
};

}  // namespace ops::meta
