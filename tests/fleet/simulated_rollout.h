#pragma once

// A rollout in simulated time: the real host table and the real rollout controller, and hosts that report to them by function
// calls. A day of a million hosts takes minutes. The hosts have one agent; they run version 1, and version 2 is assigned.
//
// A host sends a heartbeat in each interval, and at once after a change, like ops-updater. When its agent is not started, the
// updater reports that, starts it again, and reports that too.

#include <chrono>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "meta/hosts/host_table.h"
#include "meta/rollout/controller.h"
#include "tests/fleet/timer_wheel.h"

namespace ops::fleet {

/// The behaviour of version 2. Times are in seconds; shares are of hosts, 0 to 1.
struct SimulatedRelease {
  double starts_not = 0;     // share on which it does not start: it is rolled back
  double dies_after = 0;     // after each start; 0: never
  double dies_on = 1;        // share
  bool starts_again = true;  // whether the updater can start it again after that
  double silent_after = 0;   // after the change; 0: never
};

/// The behaviour of hosts with any version.
struct SimulatedBackground {
  double reboots = 0;     // per host and hour
  double deaths = 0;      // per host and hour: the host never comes back
  double flapping = 0;    // share of hosts whose agent is not started at half of their heartbeats
  double dark = 0;        // share of hosts that send no heartbeat …
  double dark_from = 0;   // … from this second of the rollout …
  double dark_until = 0;  // … to this one
};

struct SimulationOptions {
  uint32_t hosts = 1000;
  double interval = 300;  // seconds
  unsigned seed = 1;
  bool reports_interval = true;  // false: the hosts have updaters that report none of the new keys
  meta::RolloutLimits limits;
  SimulatedRelease release;
  SimulatedBackground background;
};

class SimulatedRollout {
 public:
  explicit SimulatedRollout(SimulationOptions options);

  /// Lets time pass until 99.9 % of the hosts that are alive run version 2, or for so many seconds. Returns whether they run
  /// it.
  bool run(double seconds);

  /// Assigns version 1 again.
  void go_back() { assigned_.version = "1"; }
  /// Until 99.9 % run the assigned version.
  uint32_t told() const { return told_; }                             // hosts that were ever told to change to version 2
  double now() const { return static_cast<double>(now_ms_) / 1000; }  // seconds since the begin
  bool was_halted() const { return was_halted_; }
  meta::RolloutState state() { return controller_.state("a", "2", options_.limits, time()); }
  std::string why_halted() { return meta::why_halted(state(), options_.limits); }
  const meta::HostTable& hosts() const { return hosts_; }

 private:
  enum class Phase : uint8_t { idle, downloading, probation, rolled_back };
  struct Host {
    int64_t started_at = 0;  // ms; of the agent
    int64_t until = 0;       // ms; the end of the phase
    int64_t changed_at = 0;  // ms
    int64_t booted_at = 0;   // ms
    int64_t round_at = 0;    // ms; of the last round
    uint16_t restarts = 0;
    uint8_t version = 1;
    Phase phase = Phase::idle;
    bool up = true;
    bool alive = true;
    bool told = false;
    bool flaps = false;
  };

  meta::HostTable::TimePoint time() const { return kBegin + std::chrono::milliseconds(now_ms_); }
  bool draw(double probability) { return probability > 0 && std::uniform_real_distribution<>(0, 1)(random_) < probability; }
  bool is_chosen(uint32_t host, uint32_t salt, double share) const;
  void visit(uint32_t id);
  void let_happen(uint32_t id, Host& host);
  bool send(uint32_t id, Host& host);
  bool is_done() const;

  static constexpr meta::HostTable::TimePoint kBegin{std::chrono::hours(500'000)};
  const SimulationOptions options_;
  meta::HostTable hosts_;
  meta::RolloutController controller_{hosts_};
  DesiredAgent assigned_{"a", "2", "http://m/a", "", "start"};
  std::vector<Host> state_;
  TimerWheel wheel_;
  std::mt19937_64 random_;
  HeartbeatRequest heartbeat_;
  int64_t now_ms_ = 0;
  int64_t ticked_at_ = 0;
  uint32_t told_ = 0;
  uint32_t alive_ = 0;
  uint32_t running_ = 0;  // alive hosts with version 2
  bool was_halted_ = false;
};

}  // namespace ops::fleet
