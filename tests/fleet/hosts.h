#pragma once

// The simulated hosts: what each one says in its next heartbeat, and how it obeys the reply. A host is an index; its name and
// its luck are computed from that, and what changes takes 16 bytes an agent.
//
// An update goes as ops-updater's: downloading, reported at once -> probation, the new version running -> done; or back to the
// version before (rolled-back; failed when there was none), which is latched until another version is desired. Some hosts fall
// silent for ever once they have reported that they download. Hosts with a Go updater say nothing on the way, and stay on the
// old version when an update fails.

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
  std::vector<std::string> versions{"5.1.2", "1.4.0", "2.0.7"};  // that they run at first; fewer: the last one goes on
  bool fresh = false;                                            // nothing is installed at first
  double go = 0;                                                 // percent of hosts with a Go updater
  std::vector<double> fail{0};    // percent of hosts on which an agent's update fails; fewer: the last one goes on
  std::vector<double> silent{0};  // percent of hosts that fall silent in an agent's update; likewise
  double unwell = 1;              // percent of agents that never say started
  double update_time = 20;        // seconds from downloading to probation
  double probation = 30;          // seconds
  double report_delay = 0.1;      // seconds until what has just begun is reported
};

/// What became of updates.
struct UpdateCounts {
  uint64_t begun = 0;
  uint64_t started = 0;  // the new version ran, for a moment at least
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
  bool is_go(uint32_t host) const;

  /// Appends the heartbeat's JSON. `now` is in milliseconds of the caller's clock, `unix_now` in seconds since 1970.
  void render(uint32_t host, int64_t now, int64_t unix_now, std::string& to);

  struct Obeyed {
    std::string error;           // what is wrong with the reply; "" when it is good
    int64_t report_at = kNever;  // the clock's milliseconds at which the host has news to tell, if it has
    bool falls_silent = false;   // it never says anything again
    int64_t interval = 0;        // seconds that ops-meta asks for; 0 when it doesn't
  };
  /// Obeys the body of a 200.
  Obeyed obey(uint32_t host, std::string_view reply, int64_t now);

  /// By agent, as in the options.
  const std::vector<UpdateCounts>& updates() const { return counts_; }

  size_t bytes_per_host() const { return options_.agents.size() * sizeof(Agent); }

 private:
  struct Agent {
    uint16_t version = 0;   // of versions_; 0 when it isn't installed
    uint16_t target = 0;    // of the update, or of the one that failed
    uint16_t previous = 0;  // the version to go back to
    Phase phase = Phase::idle;
    bool stopped = false;
    uint32_t until = 0;  // milliseconds; the end of downloading and of probation
    uint32_t since = 0;  // of the phase
  };
  struct Order {
    uint16_t version = 0;  // 0: this agent isn't named
    bool start = false;
    bool stop = false;
  };
  struct OperatorOrders {
    std::vector<Order> agents;
    int64_t interval = 0;
    std::string error;
  };

  Agent& agent(uint32_t host, size_t index) { return agents_[host * options_.agents.size() + index]; }
  bool is_lucky(uint32_t host, uint16_t version, uint64_t salt, double percent) const;
  uint16_t version_id(const std::string& version);
  const OperatorOrders& orders(std::string_view reply);
  OperatorOrders parse(std::string_view reply);
  void advance(uint32_t host, size_t index, int64_t now);
  /// True when there is something to report at once.
  bool follow(uint32_t host, size_t index, const Order& order, int64_t now);
  void render_update(const Agent& agent, size_t index, int64_t now, int64_t unix_now, std::string& to) const;

  HostsOptions options_;
  std::vector<Agent> agents_;
  std::vector<std::string> versions_{""};
  std::unordered_map<std::string, OperatorOrders> known_replies_;
  const std::pair<const std::string, OperatorOrders>* last_reply_ = nullptr;  // of known_replies_; most replies are alike
  std::vector<UpdateCounts> counts_;                                          // by agent
};

}  // namespace ops::fleet
