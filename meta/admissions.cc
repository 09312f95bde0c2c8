#include "meta/admissions.h"

#include <algorithm>

#include "common/log.h"

namespace ops::meta {

namespace {

constexpr size_t kMaxToldOf = 10'000;

template <typename Entry>
const Entry* find_by_name(const std::vector<Entry>& entries, const std::string& name) {
  const auto found = std::find_if(entries.begin(), entries.end(), [&](const Entry& entry) { return entry.name == name; });
  return found == entries.end() ? nullptr : &*found;
}

bool is_over_probation(const RealAgent& agent, const AgentUpdate* update) {
  return agent.status == "started" && (update == nullptr || update->phase != "probation");
}

}  // namespace

Told Admissions::tell(const DesiredAgent& desired, const RolloutLimits& limits, const HeartbeatRequest& heartbeat,
                      TimePoint now) {
  if (desired.cmd != "start" || limits.parallel == 0) return Told::desired;
  const RealAgent* real = find_by_name(heartbeat.real_agents, desired.name);
  const AgentUpdate* update = find_by_name(heartbeat.updates, desired.name);
  if (update != nullptr && update->version != desired.version) update = nullptr;
  if (real != nullptr && real->version == desired.version) {
    if (is_over_probation(*real, update)) leases_.end(desired.name, heartbeat.hostname);
    return Told::desired;
  }
  if (update != nullptr && (update->phase == "failed" || update->phase == "rolled-back")) {
    leases_.end(desired.name, heartbeat.hostname);
    return Told::desired;
  }
  const Told held = real == nullptr ? Told::nothing : Told::own;
  if (real != nullptr && now - learning_since_ < std::min(limits.timeout, kLearnFor)) return held;
  const RolloutReports reports = hosts_.reports(desired.name, desired.version);
  const Admission admission = leases_.ask(desired.name, desired.version, heartbeat.hostname, limits, reports, now);
  if (admission != Admission::wait) tell_the_log(desired, heartbeat.hostname, admission, reports);
  return admission == Admission::go ? Told::desired : held;
}

RolloutState Admissions::state(std::string_view agent, std::string_view version, const RolloutLimits& limits, TimePoint now) {
  RolloutState state{hosts_.reports(agent, version), leases_.counts(agent, version, limits, now)};
  const uint32_t failed = state.reports.broken + state.leases.overdue;
  state.is_halted =
      admit(limits, state.reports.running, state.reports.proven, failed, state.leases.inflight) == Admission::halted;
  return state;
}

/// Its first host and its halt, once each; when it goes on after a halt, that too.
void Admissions::tell_the_log(const DesiredAgent& desired, const std::string& host, Admission admission,
                              const RolloutReports& reports) {
  const std::string release = cat(desired.name, " ", desired.version);
  const std::lock_guard lock(mutex_);
  if (begun_.size() + halted_.size() > kMaxToldOf) begun_.clear(), halted_.clear();
  if (admission == Admission::halted) {
    if (!halted_.insert(release).second) return;
    ++halts_;
    log::warning(release, " is halted: ", reports.broken, " hosts report that it failed, ", reports.running,
                 " run it, and others may be silent; see /status/json/", desired.name, "?phase=failed and ?phase=rolled-back");
  } else if (halted_.erase(release) > 0) {
    log::info(release, " goes on, with ", host, "; ", reports.running, " hosts run it");
  } else if (begun_.insert(release).second) {
    log::info(release, " begins with ", host, "; ", reports.running, " hosts run it already");
  }
}

}  // namespace ops::meta
