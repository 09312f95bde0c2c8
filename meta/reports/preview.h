#pragma once

// A preview of the changes by a new config that is not in force yet, for the hosts as they last reported: POST /plan and
// `./control plan`.

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
  /// Hosts whose installed version differs from the one that the new config assigns to them.
  struct Move {
    HostsOf hosts;
    uint32_t already = 0;  // of these: the config in force assigns the same version
  };
  std::map<std::pair<std::string, std::string>, Move> moves;  // by installed version ("" if none) and assigned version
  HostsOf starts;                                             // have the version; the config in force stops it
  HostsOf stops;                                              // run the agent; the new config stops it
  HostsOf contents;                                           // have the version, with other content than the new config gives
  uint32_t unclear_contents = 0;                              // of these: report no MD5, and change at once, without a rollout
  std::map<std::string, HostsOf> urls;                        // by change: "tarball http://a/x -> http://b/x"
  uint32_t unchanged = 0;                                     // all other hosts

  /// An override of the new config.
  struct Reach {
    std::string place;     // "others[0], hosts lg-*, 5 %"
    uint32_t matched = 0;  // hosts that its prefix matches
    uint32_t applied = 0;  // of these: hosts in its share
  };
  std::vector<Reach> overrides;
  std::vector<std::string> warnings;
};

struct Preview {
  size_t hosts = 0;
  std::vector<std::pair<std::string, AgentPreview>> agents;  // by name, in the order of the new config
  std::vector<std::string> warnings;                         // about agents that the new config no longer has
};

std::string to_text(const Preview& preview);
std::string to_json(const Preview& preview);

/// Makes one preview. Borrows the table.
class Previewer {
 public:
  Previewer(const HostTable& hosts, std::shared_ptr<const Assignments> in_force, std::shared_ptr<const Assignments> fresh);

  /// Examines some more hosts, for a few milliseconds. False when all hosts are examined.
  bool step();

  /// To be called once, after the last step.
  Preview result();

 private:
  void examine(const HostView& host);
  static void compare(const HostView& host, const DesiredAgent* before, const DesiredAgent& after, AgentPreview& preview);
  void add_warnings(const AgentConfig& config, const std::map<std::string, ReleaseCounts>& seen, AgentPreview& preview) const;

  const HostTable& hosts_;
  const std::shared_ptr<const Assignments> in_force_;
  const std::shared_ptr<const Assignments> fresh_;
  std::vector<std::optional<size_t>> before_;  // by place in the fresh config: the place in the config in force
  Preview preview_;
  std::vector<DesiredAgent> assigned_;  // to the host that is examined, by the config in force
  HostWalk walk_;
};

}  // namespace ops::meta
