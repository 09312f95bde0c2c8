#include "meta/rollout/controller.h"

#include <algorithm>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/number_text.h"
#include "common/protocol/phase.h"
#include "common/protocol/release.h"
#include "common/protocol/status.h"
#include "meta/rollout/late_trouble.h"

namespace ops::meta {

namespace {

constexpr size_t kMaxLoggedReleases = 10'000;

/// The host's update of the agent, if it is to the assigned version or the host holds the agent.
const AgentUpdate* find_update(const std::vector<AgentUpdate>& updates, const DesiredAgent& assigned) {
  const AgentUpdate* update = find_by_name(updates, assigned.name);
  return update != nullptr && (update->version == assigned.version || to_phase(update->phase) == Phase::held) ? update
                                                                                                              : nullptr;
}

/// The key of the assigned release in leases and counts.
std::string key_of(const DesiredAgent& assigned) { return content_key(assigned.version, given_checksum(assigned)); }

bool is_past_probation(const RealAgent& agent, const AgentUpdate* update) {
  return to_status(agent.status) == Status::started && (update == nullptr || to_phase(update->phase) != Phase::probation);
}

/// "10 min"
std::string text_of_soak(std::chrono::seconds soak, uint32_t interval) {
  const auto seconds = soak_of(soak, std::chrono::seconds(interval)).count();
  return seconds % 60 == 0 && seconds > 0 ? cat(seconds / 60, " min") : cat(seconds, " s");
}

/// A resumed release is not halted by failures.
RolloutLimits with_order(RolloutLimits limits, std::optional<Order> order) {
  if (order == Order::resume) limits.max_failures = UINT32_MAX;
  return limits;
}

}  // namespace

bool has_release(const DesiredAgent& assigned, std::string_view version, std::string_view md5) {
  if (version != assigned.version) return false;
  const std::string checksum = md5.empty() ? "" : given_checksum(assigned);
  return checksum.empty() || checksum == md5;
}

std::string release_key(const AgentConfig& agent, const std::string& version) {
  std::set<std::string> keys;
  const auto add = [&](DesiredAgent desired) {
    if (desired.version == version) keys.insert(key_of(desired));
  };
  add(agent.defaults);
  for (const Override& entry : agent.others) {
    DesiredAgent desired = agent.defaults;
    apply(entry, desired);
    add(desired);
  }
  return keys.size() == 1 ? *keys.begin() : version;
}

std::string why_halted(const RolloutState& state, const RolloutLimits& limits) {
  if (!state.is_halted) return "";
  if (state.order == Order::halt) return "by hand";
  if (!state.common_error.empty()) {
    return cat("no host runs it, and ", state.leases.same_error, " hosts cannot take it: ", state.common_error);
  }
  std::string late;
  for (const Trouble trouble : kTroubles) {
    const uint32_t hosts = state.reports.troubled[static_cast<size_t>(trouble)];
    if (state.reports.late > 0 && hosts > 0) late += cat(late.empty() ? " (late: " : ", ", hosts, " ", to_word(trouble));
  }
  return cat(state.failed(), " of ", counted(state.failed() + state.reports.running, "host"), " failed", late,
             late.empty() ? "" : ")", "; the limits are ", counted(limits.max_failures, "host"), " and ",
             limits.max_failure_rate, " %");
}

RolloutController::Reason RolloutController::reason(const DesiredAgent& assigned, const RolloutLimits& limits,
                                                    const std::string& hostname, const RealAgent* real,
                                                    const AgentUpdate* update) const {
  if (assigned.cmd != "start") return Reason::unrestricted;
  if (real != nullptr && has_release(assigned, real->version, real->md5)) return Reason::has_version;
  if (update != nullptr && has_failed(to_phase(update->phase))) return Reason::failed;
  if (update != nullptr && to_phase(update->phase) == Phase::held) return Reason::held_on_host;
  if (orders_.find(assigned.name, assigned.version) == Order::halt) return Reason::halted_by_hand;
  if (limits.parallel == 0) return Reason::unrestricted;
  if (hosts_.is_duplicate(hostname)) return Reason::duplicate_name;
  if (real != nullptr && is_warming_up_) return Reason::warming_up;
  return Reason::policy;
}

Answer RolloutController::decide(const DesiredAgent& assigned, const RolloutLimits& limits, const HeartbeatRequest& heartbeat,
                                 TimePoint now) {
  const RealAgent* real = find_by_name(heartbeat.real_agents, assigned.name);
  const AgentUpdate* update = find_update(heartbeat.updates, assigned);
  const Answer held_back = real == nullptr ? Answer::nothing : Answer::own;
  switch (reason(assigned, limits, heartbeat.hostname, real, update)) {
    case Reason::unrestricted:
      if (assigned.cmd != "start" && watch_.is_watching(assigned.name)) hosts_.excuse(assigned.name, heartbeat.hostname);
      return Answer::desired;
    case Reason::has_version:
      if (update != nullptr && to_phase(update->phase) == Phase::held) {
        leases_.hold(assigned.name, key_of(assigned), heartbeat.hostname);
      } else if (is_past_probation(*real, update) && leases_.has_turn(assigned.name, heartbeat.hostname)) {
        const uint32_t peak = hosts_.reports(assigned.name, key_of(assigned)).peak;
        leases_.succeed(assigned.name, key_of(assigned), heartbeat.hostname, peak);
      }
      return Answer::desired;
    case Reason::failed:
      leases_.fail(assigned.name, key_of(assigned), heartbeat.hostname);
      history_.fail({assigned.name, key_of(assigned)}, heartbeat.hostname, update->phase, update->error);
      return Answer::desired;
    case Reason::held_on_host:
      leases_.hold(assigned.name, key_of(assigned), heartbeat.hostname);
      return real == nullptr ? Answer::desired : Answer::own;
    case Reason::warming_up: return held_back;
    case Reason::halted_by_hand:
    case Reason::duplicate_name: leases_.end(assigned.name, heartbeat.hostname); return held_back;
    case Reason::policy: break;
  }
  const std::string key = key_of(assigned);
  watch_.ask(assigned.name, key, limits, now);
  const RolloutLimits ordered = with_order(limits, orders_.find(assigned.name, assigned.version));
  const RolloutReports reports = this->reports(assigned.name, key, ordered);
  const Admission admission =
      leases_.request(assigned.name, key, heartbeat.hostname, ordered, reports, now,
                      {std::chrono::seconds(heartbeat.interval), update == nullptr ? std::string_view() : update->error});
  if (admission != Admission::wait) log_transition(assigned, heartbeat.hostname, admission, limits, now);
  return admission == Admission::go ? Answer::desired : held_back;
}

ExplainedAnswer RolloutController::explain(const DesiredAgent& assigned, const RolloutLimits& limits,
                                           const std::string& hostname, const Host& host, TimePoint now) {
  const RealAgent* real = host.agent(assigned.name);
  const AgentUpdate* update = find_update(host.updates, assigned);
  const RolloutState state = this->state(assigned.name, key_of(assigned), limits, now);
  const Answer held_back = real == nullptr ? Answer::nothing : Answer::own;
  switch (reason(assigned, limits, hostname, real, update)) {
    case Reason::unrestricted: return {Answer::desired, "the rollout rule does not apply"};
    case Reason::has_version: return {Answer::desired, "the host has this version"};
    case Reason::failed:
      return {Answer::desired, "this version failed on the host; ops-meta names it again, so that the host keeps its latch"};
    case Reason::held_on_host:
      return {real == nullptr ? Answer::desired : Answer::own, cat("the host holds the agent: ", update->error)};
    case Reason::warming_up: {
      return {held_back, cat("ops-meta lost the state of its rollouts; no host changes in the warm-up, for another ",
                             warm_up_left(now).count(), " s")};
    }
    case Reason::halted_by_hand: return {held_back, "the release is halted by hand"};
    case Reason::duplicate_name:
      return {held_back, "two machines send heartbeats under this hostname: give each machine its own"};
    case Reason::policy: break;
  }
  if (const auto lease = leases_.find(assigned.name, hostname); lease && lease->version == key_of(assigned)) {
    const auto age = std::chrono::floor<std::chrono::seconds>(now - lease->granted_at);
    if (lease->is_stuck) {
      return {Answer::desired,
              cat("the host got its lease ", age.count(), " s ago and cannot take the release, so its slot is free",
                  lease->error.empty() ? "" : ": ", lease->error)};
    }
    return {Answer::desired, cat("the host got its lease ", age.count(), " s ago and has not reported the result",
                                 lease->is_overdue ? "; that counts as a failure" : "")};
  }
  if (state.is_halted) return {held_back, cat("the release is halted: ", why_halted(state, limits))};
  const uint32_t at_once = max_on_the_way(state.reports, state.failed());
  const uint32_t inflight = state.leases.inflight;
  const bool has_slot = inflight < limits.parallel && inflight + state.reports.soaking < at_once;
  if (has_slot) return {Answer::desired, "the host gets a lease with its next heartbeat"};
  if (inflight >= std::min(limits.parallel, at_once)) {
    return {held_back,
            cat("the host waits for a lease: ", inflight, " of ", std::min(limits.parallel, at_once), " are in use")};
  }
  return {held_back, cat("the host waits: ", counted(state.reports.soaking, "host"),
                         state.reports.soaking == 1 ? " has run it for less than " : " have run it for less than ",
                         text_of_soak(limits.soak, hosts_.longest_interval()),
                         inflight == 0 ? "" : cat(", and ", inflight, " are changing"))};
}

void RolloutController::start_warm_up(TimePoint now, std::chrono::seconds known) {
  longest_before_ = known;
  warming_up_since_ = now;
  is_warming_up_ = true;
}

std::chrono::seconds RolloutController::warm_up_left(TimePoint now) const {
  if (!is_warming_up_) return std::chrono::seconds(0);
  const int64_t before = longest_before_.count() > 0 ? longest_before_.count() : 300;
  const int64_t longest = std::min(std::max<int64_t>(before, hosts_.longest_interval()), kLongestInterval);
  const auto end = warming_up_since_ + std::chrono::seconds((longest * 6 + 4) / 5);
  return std::max(std::chrono::seconds(0), std::chrono::ceil<std::chrono::seconds>(end - now));
}

void RolloutController::tick(TimePoint now) {
  if (is_warming_up_ && warm_up_left(now).count() == 0) {
    is_warming_up_ = false;
    log::info("the warm-up is over after ", std::chrono::floor<std::chrono::seconds>(now - warming_up_since_).count(), " s; ",
              hosts_.size(), " hosts are known");
  }
  watch_.tick(now);
}

RolloutReports RolloutController::reports(std::string_view agent, std::string_view version, const RolloutLimits& limits) const {
  RolloutReports reports = hosts_.reports(agent, version);
  const RolloutWatch::Rollout rollout = watch_.find(agent, version);
  const Verdict verdict = judge(limits, rollout.survey, rollout.before);
  reports.late = verdict.late;
  reports.is_suspect = verdict.is_suspect;
  reports.is_harmful = verdict.is_harmful;
  reports.control = rollout.survey.others;
  if (verdict.late > 0) {  // hosts that count as failed do not count as running
    reports.running -= std::min(reports.running, reports.troubled[static_cast<size_t>(Trouble::restarting)]);
  }
  return with_soak(limits, reports);
}

RolloutState RolloutController::state(std::string_view agent, std::string_view version, const RolloutLimits& limits,
                                      TimePoint now) {
  const auto order = orders_.find(agent, split_content(version).first);
  const RolloutLimits ordered = with_order(limits, order);
  RolloutState state{reports(agent, version, ordered), leases_.counts(agent, version, limits, now), order};
  if (cannot_be_taken(ordered, state.reports, state.leases)) state.common_error = leases_.common_error(agent, version);
  state.is_halted = !state.common_error.empty() || state.order == Order::halt ||
                    admit(ordered, state.reports, state.failed(), state.leases.inflight) == Admission::halted;
  if (state.order == Order::halt) {
    state.halted_since = orders_.given_at(agent, split_content(version).first);
  } else if (state.is_halted) {
    const std::lock_guard lock(mutex_);
    const auto since = halted_.find(cat(agent, " ", version));
    if (since != halted_.end()) state.halted_since = to_wall_seconds(since->second);
  }
  return state;
}

/// Logs the begin of a rollout, its halt, and its continuation after a halt, once each.
void RolloutController::log_transition(const DesiredAgent& assigned, const std::string& host, Admission admission,
                                       const RolloutLimits& limits, TimePoint now) {
  thread_local std::string release;  // keeps its memory: this runs for each heartbeat of a halted release
  release.assign(assigned.name).append(1, ' ').append(key_of(assigned));
  std::unique_lock lock(mutex_);
  if (begun_.size() + halted_.size() > kMaxLoggedReleases) begun_.clear(), halted_.clear();
  if (admission == Admission::halted) {
    if (!halted_.try_emplace(release, now).second) return;
    ++halts_;
    lock.unlock();  // state() locks
    const std::string why = why_halted(state(assigned.name, key_of(assigned), limits, now), limits);
    log::warning(release, " is halted: ", why, "; see /status/summary");
    history_.halt({assigned.name, key_of(assigned)}, why);
    return;
  }
  const bool was_halted = halted_.erase(release) > 0;
  if (!was_halted && !begun_.insert(release).second) return;
  const uint32_t running = hosts_.reports(assigned.name, key_of(assigned)).running;
  log::info(release, was_halted ? ": the rollout continues with " : ": the rollout begins with ", host, "; ", running,
            " hosts run it");
  history_.go({assigned.name, key_of(assigned)}, host, running);
}

}  // namespace ops::meta
