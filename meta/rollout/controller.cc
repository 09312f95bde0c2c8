#include "meta/rollout/controller.h"

#include <algorithm>

#include "common/base/log.h"
#include "common/protocol/phase.h"
#include "common/protocol/status.h"

namespace ops::meta {

namespace {

constexpr size_t kMaxToldOf = 10'000;

/// The one that is on its way to what is desired, or says that the host leaves the agent as it is.
const AgentUpdate* find_update(const std::vector<AgentUpdate>& updates, const DesiredAgent& desired) {
  const AgentUpdate* update = find_by_name(updates, desired.name);
  return update != nullptr && (update->version == desired.version || to_phase(update->phase) == Phase::held) ? update : nullptr;
}

bool is_over_probation(const RealAgent& agent, const AgentUpdate* update) {
  return to_status(agent.status) == Status::started && (update == nullptr || to_phase(update->phase) != Phase::probation);
}

/// An operator who resumes a release has seen its failures.
RolloutLimits with_order(RolloutLimits limits, std::optional<Order> order) {
  if (order == Order::resume) limits.max_failures = UINT32_MAX;
  return limits;
}

}  // namespace

std::string why_halted(const RolloutState& state, const RolloutLimits& limits) {
  if (!state.is_halted) return "";
  if (state.order == Order::halt) return "by hand";
  return cat(state.failed(), " of ", state.failed() + state.reports.running, " hosts failed; the limits are ",
             limits.max_failures, " hosts and ", limits.max_failure_rate, " %");
}

RolloutController::Reason RolloutController::reason(const DesiredAgent& desired, const RolloutLimits& limits,
                                                    const RealAgent* real, const AgentUpdate* update, TimePoint now) const {
  if (desired.cmd != "start") return Reason::unrestricted;
  if (real != nullptr && real->version == desired.version) return Reason::has_version;
  if (update != nullptr && has_failed(to_phase(update->phase))) return Reason::failed;
  if (update != nullptr && to_phase(update->phase) == Phase::held) return Reason::held_on_host;
  if (orders_.find(desired.name, desired.version) == Order::halt) return Reason::halted_by_hand;
  if (limits.parallel == 0) return Reason::unrestricted;
  if (real != nullptr && warm_up_ends(limits, now)) return Reason::warming_up;
  return Reason::policy;
}

Answer RolloutController::tell(const DesiredAgent& desired, const RolloutLimits& limits, const HeartbeatRequest& heartbeat,
                               TimePoint now) {
  const RealAgent* real = find_by_name(heartbeat.real_agents, desired.name);
  const AgentUpdate* update = find_update(heartbeat.updates, desired);
  const Answer held = real == nullptr ? Answer::nothing : Answer::own;
  switch (reason(desired, limits, real, update, now)) {
    case Reason::unrestricted: return Answer::desired;
    case Reason::has_version:
      if (is_over_probation(*real, update)) leases_.end(desired.name, heartbeat.hostname);
      return Answer::desired;
    case Reason::failed: leases_.end(desired.name, heartbeat.hostname); return Answer::desired;
    // One that has none is told of the agent all the same: that is what its report depends on.
    case Reason::held_on_host:
      leases_.end(desired.name, heartbeat.hostname);
      return real == nullptr ? Answer::desired : Answer::own;
    case Reason::warming_up: return held;
    case Reason::halted_by_hand: leases_.end(desired.name, heartbeat.hostname); return held;
    case Reason::policy: break;
  }
  const RolloutReports reports = hosts_.reports(desired.name, desired.version);
  const RolloutLimits ordered = with_order(limits, orders_.find(desired.name, desired.version));
  const Admission admission = leases_.ask(desired.name, desired.version, heartbeat.hostname, ordered, reports, now);
  if (admission != Admission::wait) tell_the_log(desired, heartbeat.hostname, admission, limits, now);
  return admission == Admission::go ? Answer::desired : held;
}

ExplainedAnswer RolloutController::explain(const DesiredAgent& desired, const RolloutLimits& limits,
                                           const std::string& hostname, const Host& host, TimePoint now) {
  const RealAgent* real = host.agent(desired.name);
  const AgentUpdate* update = find_update(host.updates, desired);
  const RolloutState state = this->state(desired.name, desired.version, limits, now);
  const Answer held = real == nullptr ? Answer::nothing : Answer::own;
  switch (reason(desired, limits, real, update, now)) {
    case Reason::unrestricted: return {Answer::desired, "nothing holds that up"};
    case Reason::has_version: return {Answer::desired, "it has that version"};
    case Reason::failed: return {Answer::desired, "it failed there, and is told it again so that it leaves it alone"};
    case Reason::held_on_host:
      return {real == nullptr ? Answer::desired : Answer::own, cat("the host leaves it as it is: ", update->error)};
    case Reason::warming_up: {
      const auto left = std::chrono::ceil<std::chrono::seconds>(*warm_up_ends(limits, now) - now);
      return {held, cat("ops-meta lost what it knew, and learns for another ", left.count(), " s what runs where")};
    }
    case Reason::halted_by_hand: return {held, "the release is halted by hand"};
    case Reason::policy: break;
  }
  if (const auto lease = leases_.find(desired.name, hostname); lease && lease->version == desired.version) {
    const auto age = std::chrono::floor<std::chrono::seconds>(now - lease->granted_at);
    return {Answer::desired, cat("it was told ", age.count(), " s ago, and has not said how it went",
                                 lease->is_overdue ? ": that counts as a failure" : "")};
  }
  if (state.is_halted) return {held, cat("the release is halted: ", why_halted(state, limits))};
  const uint32_t at_once = max_inflight(limits, state.reports.peak_running, state.failed());
  if (state.leases.inflight < at_once) return {Answer::desired, "it may go, with its next heartbeat"};
  return {held, cat("others go first: ", state.leases.inflight, " are on their way, and ", at_once, " may be")};
}

std::optional<RolloutController::TimePoint> RolloutController::warm_up_ends(const RolloutLimits& limits, TimePoint now) const {
  const TimePoint until = warming_up_since_ + std::min(limits.timeout, kWarmUp);
  return now < until ? std::optional(until) : std::nullopt;
}

RolloutState RolloutController::state(std::string_view agent, std::string_view version, const RolloutLimits& limits,
                                      TimePoint now) {
  RolloutState state{hosts_.reports(agent, version), leases_.counts(agent, version, limits, now), orders_.find(agent, version)};
  state.is_halted =
      state.order == Order::halt || admit(with_order(limits, state.order), state.reports.running, state.reports.peak_running,
                                          state.failed(), state.leases.inflight) == Admission::halted;
  return state;
}

/// Its first host and its halt, once each; when it goes on after a halt, that too.
void RolloutController::tell_the_log(const DesiredAgent& desired, const std::string& host, Admission admission,
                                     const RolloutLimits& limits, TimePoint now) {
  thread_local std::string release;  // asked for at each change, so it keeps its memory
  release.assign(desired.name).append(1, ' ').append(desired.version);
  const std::lock_guard lock(mutex_);
  if (begun_.size() + halted_.size() > kMaxToldOf) begun_.clear(), halted_.clear();
  if (admission == Admission::halted) {
    if (!halted_.insert(release).second) return;
    ++halts_;
    log::warning(release, " is halted: ", why_halted(state(desired.name, desired.version, limits, now), limits),
                 "; see /status/summary");
    return;
  }
  const bool was_halted = halted_.erase(release) > 0;
  if (!was_halted && !begun_.insert(release).second) return;
  const uint32_t running = hosts_.reports(desired.name, desired.version).running;
  log::info(release, was_halted ? " goes on, with " : " begins with ", host, "; ", running, " hosts run it");
}

}  // namespace ops::meta
