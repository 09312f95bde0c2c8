#pragma once

// Applies the rule of policy.h to heartbeats: what a host is told of each agent.

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

/// What a host is told, and why, for people.
struct ExplainedAnswer {
  Answer told;
  std::string why;
};

/// A release, as a rollout sees it.
struct RolloutState {
  RolloutReports reports;
  Leases::Counts leases;
  std::optional<Order> order;  // by hand
  bool is_halted = false;

  uint32_t failed() const { return reports.broken + leases.overdue; }
};

/// "by hand", or "4 of 5 hosts failed; the limits are 3 hosts and 5 %"; "" when it is not halted.
std::string why_halted(const RolloutState& state, const RolloutLimits& limits);

/// Synchronises itself. Borrows the table, which must have recorded a heartbeat before it is asked about.
class RolloutController {
 public:
  using TimePoint = Leases::TimePoint;

  /// `orders_path`: operator_orders.h.
  explicit RolloutController(const HostTable& hosts, std::string orders_path = "")
      : hosts_(hosts), orders_(std::move(orders_path)) {}

  Answer tell(const DesiredAgent& desired, const RolloutLimits& limits, const HeartbeatRequest& heartbeat, TimePoint now);

  /// What the host would be told now. Changes nothing.
  ExplainedAnswer explain(const DesiredAgent& desired, const RolloutLimits& limits, const std::string& hostname,
                          const Host& host, TimePoint now);

  RolloutState state(std::string_view agent, std::string_view version, const RolloutLimits& limits, TimePoint now);

  /// After a start that does not know what went before (a crash, no saved leases), no host changes a version that it has
  /// until all had the time to say what they run: kWarmUp, or an agent's `timeout` if that is shorter.
  void start_warm_up(TimePoint now) { warming_up_since_ = now; }
  /// What is known of rollouts until then is too little to be gone on with after a restart.
  bool is_warming_up(TimePoint now) const { return now < warming_up_since_ + kWarmUp; }
  static constexpr std::chrono::seconds kWarmUp{360};  // an updater's default interval, and a fifth

  /// Until when that lasts, for an agent of these limits; nullopt when it is over.
  std::optional<TimePoint> warm_up_ends(const RolloutLimits& limits, TimePoint now) const;

  const Leases& leases() const { return leases_; }
  /// How often a release was halted.
  uint64_t halts() const { return halts_; }
  OperatorOrders& orders() { return orders_; }
  const OperatorOrders& orders() const { return orders_; }
  void restore(std::vector<Leases::Saved> leases) { leases_.restore(std::move(leases)); }

 private:
  /// What decides.
  enum class Reason { unrestricted, has_version, failed, held_on_host, warming_up, halted_by_hand, policy };
  Reason reason(const DesiredAgent& desired, const RolloutLimits& limits, const RealAgent* real, const AgentUpdate* update,
                TimePoint now) const;
  void tell_the_log(const DesiredAgent& desired, const std::string& host, Admission admission, const RolloutLimits& limits,
                    TimePoint now);

  const HostTable& hosts_;
  Leases leases_;
  OperatorOrders orders_;
  TimePoint warming_up_since_{};  // set before any thread asks
  std::atomic<uint64_t> halts_ = 0;

  std::mutex mutex_;
  std::set<std::string> begun_;   // guarded by mutex_: releases, as "agent version", of which the log has told
  std::set<std::string> halted_;  // guarded by mutex_
};

}  // namespace ops::meta
