#include "meta/rollout/controller.h"

#include <algorithm>

#include "common/base/log.h"
#include "common/base/number_text.h"
#include "common/protocol/phase.h"
#include "common/protocol/status.h"

namespace ops::meta {

namespace {

constexpr size_t kMaxLoggedReleases = 10'000;

/// The host's update of the agent, if it is to the assigned version or the host holds the agent.
const AgentUpdate* find_update(const std::vector<AgentUpdate>& updates, const DesiredAgent& assigned) {
  const AgentUpdate* update = find_by_name(updates, assigned.name);
  return update != nullptr && (update->version == assigned.version || to_phase(update->phase) == Phase::held) ? update
                                                                                                              : nullptr;
}

bool is_past_probation(const RealAgent& agent, const AgentUpdate* update) {
  return to_status(agent.status) == Status::started && (update == nullptr || to_phase(update->phase) != Phase::probation);
}

/// A resumed release is not halted by failures.
RolloutLimits with_order(RolloutLimits limits, std::optional<Order> order) {
  if (order == Order::resume) limits.max_failures = UINT32_MAX;
  return limits;
}

}  // namespace

std::string why_halted(const RolloutState& state, const RolloutLimits& limits) {
  if (!state.is_halted) return "";
  if (state.order == Order::halt) return "by hand";
  return cat(state.failed(), " of ", counted(state.failed() + state.reports.running, "host"), " failed; the limits are ",
             counted(limits.max_failures, "host"), " and ", limits.max_failure_rate, " %");
}

RolloutController::Reason RolloutController::reason(const DesiredAgent& assigned, const RolloutLimits& limits,
                                                    const std::string& hostname, const RealAgent* real,
                                                    const AgentUpdate* update, TimePoint now) const {
  if (assigned.cmd != "start") return Reason::unrestricted;
  if (real != nullptr && real->version == assigned.version) return Reason::has_version;
  if (update != nullptr && has_failed(to_phase(update->phase))) return Reason::failed;
  if (update != nullptr && to_phase(update->phase) == Phase::held) return Reason::held_on_host;
  if (orders_.find(assigned.name, assigned.version) == Order::halt) return Reason::halted_by_hand;
  if (limits.parallel == 0) return Reason::unrestricted;
  if (hosts_.is_duplicate(hostname)) return Reason::duplicate_name;
  if (real != nullptr && warm_up_ends(limits, now)) return Reason::warming_up;
  return Reason::policy;
}

Answer RolloutController::decide(const DesiredAgent& assigned, const RolloutLimits& limits, const HeartbeatRequest& heartbeat,
                                 TimePoint now) {
  const RealAgent* real = find_by_name(heartbeat.real_agents, assigned.name);
  const AgentUpdate* update = find_update(heartbeat.updates, assigned);
  const Answer held_back = real == nullptr ? Answer::nothing : Answer::own;
  switch (reason(assigned, limits, heartbeat.hostname, real, update, now)) {
    case Reason::unrestricted: return Answer::desired;
    case Reason::has_version:
      if (is_past_probation(*real, update)) leases_.end(assigned.name, heartbeat.hostname);
      return Answer::desired;
    case Reason::failed: leases_.end(assigned.name, heartbeat.hostname); return Answer::desired;
    case Reason::held_on_host:
      leases_.end(assigned.name, heartbeat.hostname);
      return real == nullptr ? Answer::desired : Answer::own;
    case Reason::warming_up: return held_back;
    case Reason::halted_by_hand:
    case Reason::duplicate_name: leases_.end(assigned.name, heartbeat.hostname); return held_back;
    case Reason::policy: break;
  }
  const RolloutReports reports = hosts_.reports(assigned.name, assigned.version);
  const RolloutLimits ordered = with_order(limits, orders_.find(assigned.name, assigned.version));
  const Admission admission = leases_.request(assigned.name, assigned.version, heartbeat.hostname, ordered, reports, now);
  if (admission != Admission::wait) log_transition(assigned, heartbeat.hostname, admission, limits, now);
  return admission == Admission::go ? Answer::desired : held_back;
}

ExplainedAnswer RolloutController::explain(const DesiredAgent& assigned, const RolloutLimits& limits,
                                           const std::string& hostname, const Host& host, TimePoint now) {
  const RealAgent* real = host.agent(assigned.name);
  const AgentUpdate* update = find_update(host.updates, assigned);
  const RolloutState state = this->state(assigned.name, assigned.version, limits, now);
  const Answer held_back = real == nullptr ? Answer::nothing : Answer::own;
  switch (reason(assigned, limits, hostname, real, update, now)) {
    case Reason::unrestricted: return {Answer::desired, "the rollout rule does not apply"};
    case Reason::has_version: return {Answer::desired, "the host has this version"};
    case Reason::failed:
      return {Answer::desired, "this version failed on the host; it is named again so that the host keeps its latch"};
    case Reason::held_on_host:
      return {real == nullptr ? Answer::desired : Answer::own, cat("the host holds the agent: ", update->error)};
    case Reason::warming_up: {
      const auto left = std::chrono::ceil<std::chrono::seconds>(*warm_up_ends(limits, now) - now);
      return {held_back,
              cat("ops-meta lost the state of its rollouts; no host changes in the warm-up, for another ", left.count(), " s")};
    }
    case Reason::halted_by_hand: return {held_back, "the release is halted by hand"};
    case Reason::duplicate_name:
      return {held_back, "two machines send heartbeats under this hostname; give each its own, and this one takes part again"};
    case Reason::policy: break;
  }
  if (const auto lease = leases_.find(assigned.name, hostname); lease && lease->version == assigned.version) {
    const auto age = std::chrono::floor<std::chrono::seconds>(now - lease->granted_at);
    return {Answer::desired, cat("the host got its lease ", age.count(), " s ago and has not reported the result",
                                 lease->is_overdue ? "; that counts as a failure" : "")};
  }
  if (state.is_halted) return {held_back, cat("the release is halted: ", why_halted(state, limits))};
  const uint32_t at_once = max_inflight(limits, state.reports.peak, state.failed());
  if (state.leases.inflight < at_once) return {Answer::desired, "the host gets a lease with its next heartbeat"};
  return {held_back, cat("the host waits for a lease: ", state.leases.inflight, " of ", at_once, " are in use")};
}

std::optional<RolloutController::TimePoint> RolloutController::warm_up_ends(const RolloutLimits& limits, TimePoint now) const {
  const TimePoint until = warming_up_since_ + std::min(limits.timeout, kWarmUp);
  return now < until ? std::optional(until) : std::nullopt;
}

RolloutState RolloutController::state(std::string_view agent, std::string_view version, const RolloutLimits& limits,
                                      TimePoint now) {
  RolloutState state{hosts_.reports(agent, version), leases_.counts(agent, version, limits, now), orders_.find(agent, version)};
  state.is_halted =
      state.order == Order::halt || admit(with_order(limits, state.order), state.reports.running, state.reports.peak,
                                          state.failed(), state.leases.inflight) == Admission::halted;
  return state;
}

/// Logs the begin of a rollout, its halt, and its continuation after a halt, once each.
void RolloutController::log_transition(const DesiredAgent& assigned, const std::string& host, Admission admission,
                                       const RolloutLimits& limits, TimePoint now) {
  thread_local std::string release;  // keeps its memory: this runs for each heartbeat of a halted release
  release.assign(assigned.name).append(1, ' ').append(assigned.version);
  const std::lock_guard lock(mutex_);
  if (begun_.size() + halted_.size() > kMaxLoggedReleases) begun_.clear(), halted_.clear();
  if (admission == Admission::halted) {
    if (!halted_.insert(release).second) return;
    ++halts_;
    log::warning(release, " is halted: ", why_halted(state(assigned.name, assigned.version, limits, now), limits),
                 "; see /status/summary");
    return;
  }
  const bool was_halted = halted_.erase(release) > 0;
  if (!was_halted && !begun_.insert(release).second) return;
  const uint32_t running = hosts_.reports(assigned.name, assigned.version).running;
  log::info(release, was_halted ? ": the rollout continues with " : ": the rollout begins with ", host, "; ", running,
            " hosts run it");
}

}  // namespace ops::meta
