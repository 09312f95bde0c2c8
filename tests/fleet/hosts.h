#pragma once

// The simulated hosts: the content of their heartbeats, and the effect of the replies. A host is an index. Its name and the
// outcome of its updates are hashes of the index; its state takes 16 bytes per agent.
//
// The phases of an update are those of ops-updater: downloading (reported at once), probation (the new version runs), done. An
// update that fails returns to the previous version (rolled-back; failed when there was none) and is latched until ops-meta
// assigns another version. Some hosts fall silent for ever after they have reported a download. Hosts with a Go updater do not
// report phases, and stay on the old version when an update fails.

#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "common/protocol/phase.h"

namespace ops::fleet {

struct HostsOptions {
  uint32_t hosts = 1000;
  std::vector<std::string> agents{"falcon-agent", "naming-agent", "deploy-agent"};
  // By agent. When a list is shorter than `agents`, its last value applies to the rest.
  std::vector<std::string> versions{"5.1.2", "1.4.0", "2.0.7"};  // the versions that run at first
  std::vector<double> fail{0};                                   // percent of hosts on which an update fails
  std::vector<double> silent{0};                                 // percent of hosts that fall silent during an update
  bool fresh = false;                                            // no agent is installed at first
  double go = 0;                                                 // percent of hosts with a Go updater
  double unwell = 1;                                             // percent of agents whose status is never "started"
  double update_time = 20;                                       // seconds from downloading to probation
  double probation = 30;                                         // seconds
  double report_delay = 0.1;                                     // seconds from the start of a download to its report
  int64_t reported_interval = 0;                                 // seconds; 0: the hosts report no interval
};

/// Counts of updates by their outcome.
struct UpdateCounts {
  uint64_t begun = 0;
  uint64_t started = 0;  // the new version ran, if only for a short time
  uint64_t done = 0;
  uint64_t failed = 0;
  uint64_t silent = 0;
};

class Hosts {
 public:
  static constexpr int64_t kNever = std::numeric_limits<int64_t>::max();

  explicit Hosts(HostsOptions options);

  uint32_t size() const { return options_.hosts; }
  std::string name(uint32_t host) const;
  bool has_go_updater(uint32_t host) const;

  /// Appends the JSON of the host's heartbeat. `now` is in milliseconds of the caller's clock, `unix_now` in seconds since
  /// 1970.
  void render(uint32_t host, int64_t now, int64_t unix_now, std::string& to);

  struct Reaction {
    std::string error;           // the fault of the reply; "" for a good reply
    int64_t report_at = kNever;  // milliseconds of the caller's clock at which the host reports a change
    bool falls_silent = false;   // the host sends no further heartbeat
    int64_t interval = 0;        // the interval that ops-meta requests, in seconds; 0 for none
  };
  /// Executes the commands in the body of a reply with status 200.
  Reaction obey(uint32_t host, std::string_view reply, int64_t now);

  /// By agent, in the order of HostsOptions::agents.
  const std::vector<UpdateCounts>& updates() const { return counts_; }

  size_t bytes_per_host() const { return options_.agents.size() * sizeof(Agent); }

 private:
  struct Agent {
    uint16_t version = 0;   // an index of versions_; 0 when the agent is not installed
    uint16_t target = 0;    // the version of the current or failed update
    uint16_t previous = 0;  // the version before the update
    Phase phase = Phase::idle;
    bool stopped = false;
    uint32_t until = 0;  // milliseconds; the end of the download or of the probation
    uint32_t since = 0;  // milliseconds; the start of the phase
  };
  struct Command {
    uint16_t version = 0;  // 0 when the reply does not name the agent
    bool start = false;
    bool stop = false;
  };
  struct Commands {
    std::vector<Command> agents;  // in the order of HostsOptions::agents
    int64_t interval = 0;
    std::string error;
  };

  Agent& agent(uint32_t host, size_t index) { return agents_[host * options_.agents.size() + index]; }
  /// Whether the host belongs to this percentage of hosts. The choice is a hash of the first three arguments.
  bool is_chosen(uint32_t host, uint16_t version, uint64_t salt, double percent) const;
  uint16_t version_id(const std::string& version);
  const Commands& commands_in(std::string_view reply);
  Commands parse(std::string_view reply);
  void advance(uint32_t host, size_t index, int64_t now);
  /// Executes one command. Returns true when the host reports the change at once.
  bool follow(uint32_t host, size_t index, const Command& order, int64_t now);
  void render_update(const Agent& agent, size_t index, int64_t now, int64_t unix_now, std::string& to) const;

  HostsOptions options_;
  std::vector<Agent> agents_;
  std::vector<std::string> versions_{""};
  std::unordered_map<std::string, Commands> known_replies_;
  const std::pair<const std::string, Commands>* last_reply_ = nullptr;  // in known_replies_; most replies are equal
  std::vector<UpdateCounts> counts_;                                    // by agent
};

}  // namespace ops::fleet
