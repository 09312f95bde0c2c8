#pragma once

// Answers heartbeats: which version a host is told to run of each agent. Applies the rule of policy.h, the operator's orders
// and the warm-up. "The assigned version" is the version that the config assigns to the host.
//
//   first row that applies (RolloutController::Reason)               answer                             lease
//   -----------------------------------------------------------------------------------------------------------------
//   cmd is not start                                 unrestricted    the assigned version               unchanged
//   the host has the assigned version                has_version     the assigned version               ends once the version
//                                                                                                       is past its probation
//   the host reports failed or rolled-back           failed          the assigned version: the host     ends
//                                                                    keeps its latch
//   the host reports held                            held_on_host    its own version; the assigned      ends
//                                                                    version if it has none: the host
//                                                                    goes on to report the agent
//   an operator halted the release                   halted_by_hand  as if held back                    ends
//   parallel is 0                                    unrestricted    the assigned version               unchanged
//   the warm-up is in progress, and the host has     warming_up      its own version                    unchanged
//   another version
//   otherwise                                        policy          by policy.h: go                    granted, or kept
//                                                                             wait, halted: held back   a lease of another
//                                                                                                       version ends
//
// A host that is held back is told its own version, so that the updater goes on to supervise the agent. If it has none, the
// answer leaves the agent out. So `stop` and a host that has its version are never held back.

#include <atomic>
#include <chrono>
#include <mutex>
#include <optional>
#include <set>
#include <string>

#include "common/protocol/heartbeat.h"
#include "meta/config/assignments.h"
#include "meta/hosts/host_table.h"
#include "meta/rollout/operator_orders.h"
#include "meta/rollout/policy.h"

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

  uint32_t failed() const { return reports.broken + leases.overdue; }
};

/// "by hand", or "4 of 5 hosts failed; the limits are 3 hosts and 5 %"; "" if it is not halted.
std::string why_halted(const RolloutState& state, const RolloutLimits& limits);

/// Thread-safe. Borrows the table, which must have recorded a host's heartbeat before decide() is called for it.
class RolloutController {
 public:
  using TimePoint = Leases::TimePoint;

  /// `orders_path`: see OperatorOrders.
  explicit RolloutController(const HostTable& hosts, std::string orders_path = "")
      : hosts_(hosts), orders_(std::move(orders_path)) {}

  /// The answer to a heartbeat for one agent. Grants and ends leases.
  Answer decide(const DesiredAgent& assigned, const RolloutLimits& limits, const HeartbeatRequest& heartbeat, TimePoint now);

  /// The answer that a heartbeat of the host would get now. Changes nothing.
  ExplainedAnswer explain(const DesiredAgent& assigned, const RolloutLimits& limits, const std::string& hostname,
                          const Host& host, TimePoint now);

  RolloutState state(std::string_view agent, std::string_view version, const RolloutLimits& limits, TimePoint now);

  /// To be called after a start without the saved state (after a crash), before any thread calls decide(). For the warm-up
  /// (kWarmUp, or an agent's `timeout` if that is shorter) no host changes a version that it has: until each host has reported
  /// what it runs, the counts of the rule are too low.
  void start_warm_up(TimePoint now) { warming_up_since_ = now; }
  /// During the warm-up the state of rollouts is incomplete and must not be saved.
  bool is_warming_up(TimePoint now) const { return now < warming_up_since_ + kWarmUp; }
  static constexpr std::chrono::seconds kWarmUp{360};  // the default interval of 300 s and a fifth

  /// The end of the warm-up for an agent with these limits; nullopt if it is over.
  std::optional<TimePoint> warm_up_ends(const RolloutLimits& limits, TimePoint now) const;

  const Leases& leases() const { return leases_; }
  /// How many times a release was halted by the rule, since the start.
  uint64_t halts() const { return halts_; }
  OperatorOrders& orders() { return orders_; }
  const OperatorOrders& orders() const { return orders_; }
  void restore(std::vector<Leases::Saved> leases) { leases_.restore(std::move(leases)); }

 private:
  enum class Reason { unrestricted, has_version, failed, held_on_host, warming_up, halted_by_hand, policy };
  Reason reason(const DesiredAgent& assigned, const RolloutLimits& limits, const RealAgent* real, const AgentUpdate* update,
                TimePoint now) const;
  void log_transition(const DesiredAgent& assigned, const std::string& host, Admission admission, const RolloutLimits& limits,
                      TimePoint now);

  const HostTable& hosts_;
  Leases leases_;
  OperatorOrders orders_;
  TimePoint warming_up_since_{};
  std::atomic<uint64_t> halts_ = 0;

  std::mutex mutex_;
  // Releases, as "agent version", whose begin or halt is in the log. Guarded by mutex_:
  std::set<std::string> begun_;
  std::set<std::string> halted_;
};

}  // namespace ops::meta
