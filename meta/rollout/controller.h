#pragma once

// Decides the answers to heartbeats: the version of each agent that a host should run. Applies the rule of policy.h, the
// operator's orders and the warm-up. The assigned version is the one that the config assigns to the host. If the config gives
// its MD5, a host with the same version and another MD5 does not have it (has_release()).
//
//   condition (the first row that applies)                 Reason           answer     lease
//   -------------------------------------------------------------------------------------------------------
//   cmd is not start                                       unrestricted     assigned   unchanged
//   the host has the assigned version                      has_version      assigned   ends after the probation
//   the host reports that the assigned version failed      failed           assigned   ends
//   the host reports that it holds the agent               held_on_host     own (1)    ends
//   an operator halted the release                         halted_by_hand   own        ends
//   parallel is 0                                          unrestricted     assigned   unchanged
//   two machines use the hostname                          duplicate_name   own        ends
//   warm-up, and the host has another version              warming_up       own        unchanged
//   otherwise, the rule says go                            policy           assigned   granted, or kept
//   otherwise, the rule says wait or halted                policy           own        of another version: ends
//
//   assigned   the assigned version. If it failed on the host, the updater keeps its latch as long as ops-meta names it.
//   own        the version that the host has, so that the updater still supervises the agent. If the host has none, the answer
//              leaves the agent out. (1) A host that holds an agent and has none gets the assigned version: the updater
//              reports the hold of an agent only if ops-meta names it.
//
// So `stop` and a host that has its assigned version are never held back.

#include <algorithm>
#include <atomic>
#include <chrono>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>

#include "common/protocol/heartbeat.h"
#include "meta/config/assignments.h"
#include "meta/hosts/host_table.h"
#include "meta/rollout/leases.h"
#include "meta/rollout/operator_orders.h"
#include "meta/rollout/policy.h"
#include "meta/rollout/rollout_history.h"
#include "meta/rollout/rollout_watch.h"

namespace ops::meta {

struct ExplainedAnswer {
  Answer answer;
  std::string why;  // for a person
};

/// The rollout of one release.
struct RolloutState {
  RolloutReports reports;
  Leases::Counts leases;
  std::optional<Order> order;
  bool is_halted = false;
  int64_t halted_since = 0;       // seconds since 1970; 0 if no host has asked for the release since then
  std::string common_error = {};  // of the stuck hosts, if it halts the release

  uint32_t failed() const { return reports.broken + leases.overdue + leases.withdrawn + reports.late; }
  /// Hosts that run the release and have proved it.
  uint32_t soaked() const { return reports.running - std::min(reports.running, reports.soaking); }
};

/// Whether a host with this version and content has the assigned release. If the host reports no MD5, or the config gives none,
/// the version decides.
bool has_release(const DesiredAgent& assigned, std::string_view version, std::string_view md5);

/// The key of a version that the config names (content_key()): with the MD5, if the config gives one for the version and no
/// other.
std::string release_key(const AgentConfig& agent, const std::string& version);

/// "by hand", or "4 of 5 hosts failed; the limits are 3 hosts and 5 %"; "" if it is not halted.
std::string why_halted(const RolloutState& state, const RolloutLimits& limits);

/// Thread-safe. Borrows the table, which must have recorded a host's heartbeat before decide() is called for it.
class RolloutController {
 public:
  using TimePoint = Leases::TimePoint;

  /// `orders_path`: see OperatorOrders. `events`: see RolloutHistory.
  explicit RolloutController(HostTable& hosts, std::string orders_path = "", EventLog* events = nullptr)
      : hosts_(hosts), watch_(hosts), orders_(std::move(orders_path)), history_(events) {}

  /// The answer to a heartbeat for one agent. Grants and ends leases.
  Answer decide(const DesiredAgent& assigned, const RolloutLimits& limits, const HeartbeatRequest& heartbeat, TimePoint now);

  /// The answer that a heartbeat of the host would get now. Changes nothing.
  ExplainedAnswer explain(const DesiredAgent& assigned, const RolloutLimits& limits, const std::string& hostname,
                          const Host& host, TimePoint now);

  /// `version` may be a content_key().
  RolloutState state(std::string_view agent, std::string_view version, const RolloutLimits& limits, TimePoint now);

  /// To be called every few seconds, by one thread.
  void tick(TimePoint now);

  /// To be called after a start without the saved state (after a crash), before any thread calls decide(). In the warm-up no
  /// host changes a version that it has: until each host has reported what it runs, the counts of the rule are too low. The
  /// warm-up takes 1.2 times the longest interval of the hosts: of those that report one meanwhile, and `known`, the longest
  /// before the crash (0: unknown, 300 s). An interval above an hour counts as an hour: one odd host must not stop rollouts for
  /// a day. tick() ends it.
  void start_warm_up(TimePoint now, std::chrono::seconds known = {});
  /// During the warm-up the state of rollouts is incomplete and must not be saved.
  bool is_warming_up() const { return is_warming_up_; }
  /// The time until the end of the warm-up.
  std::chrono::seconds warm_up_left(TimePoint now) const;
  static constexpr std::chrono::seconds kWarmUp{360};  // without longer intervals

  const Leases& leases() const { return leases_; }
  /// How many times a release was halted by the rule, since the start.
  uint64_t halts() const { return halts_; }
  OperatorOrders& orders() { return orders_; }
  const OperatorOrders& orders() const { return orders_; }
  RolloutHistory& history() { return history_; }
  RolloutWatch& watch() { return watch_; }
  const RolloutWatch& watch() const { return watch_; }
  void restore(std::vector<Leases::Saved> leases) { leases_.restore(std::move(leases)); }

 private:
  enum class Reason { unrestricted, has_version, failed, held_on_host, warming_up, halted_by_hand, duplicate_name, policy };
  Reason reason(const DesiredAgent& assigned, const RolloutLimits& limits, const std::string& hostname, const RealAgent* real,
                const AgentUpdate* update) const;
  RolloutReports reports(std::string_view agent, std::string_view version, const RolloutLimits& limits) const;
  void log_transition(const DesiredAgent& assigned, const std::string& host, Admission admission, const RolloutLimits& limits,
                      TimePoint now);

  HostTable& hosts_;
  RolloutWatch watch_;
  Leases leases_;
  OperatorOrders orders_;
  RolloutHistory history_;
  std::atomic<bool> is_warming_up_ = false;
  TimePoint warming_up_since_{};            // set before the threads start
  std::chrono::seconds longest_before_{0};  // the same
  std::atomic<uint64_t> halts_ = 0;

  std::mutex mutex_;
  // Releases, as "agent version", whose begin or halt is in the log. Guarded by mutex_:
  std::set<std::string> begun_;
  std::map<std::string, TimePoint, std::less<>> halted_;  // since when
};

}  // namespace ops::meta
