#include "updater/model/plan.h"

#include <algorithm>

#include "updater/model/layout.h"

namespace ops::updater {

namespace {

constexpr int64_t kLongestProbation = 3600;  // seconds; what the config allows

/// An unknown checksum ("") could be any.
bool may_be_same(const std::string& a, const std::string& b) { return a.empty() || b.empty() || a == b; }

bool is_failed(const State& state, const std::string& version, const std::string& checksum) {
  return state.failed && state.failed->version == version && may_be_same(state.failed->checksum, checksum);
}

bool differs(const Observed& seen, const DesiredAgent& desired) {
  return desired.version != seen.version || !seen.has_control || !may_be_same(given_checksum(desired), seen.checksum);
}

bool current_failed(const Observed& seen) { return is_failed(seen.state, seen.version, seen.checksum); }

Decision start(const Observed& seen, const Circumstances& around, const std::string& why) {
  Decision decision;
  decision.action = around.control_paused ? Action::none : Action::start;
  decision.reason = cat(seen.version, " is ", seen.status_text.empty() ? "silent" : seen.status_text, ", ", why);
  return decision;
}

Decision supervise(const Observed& seen, const Circumstances& around) {
  const bool leave = !seen.has_control || seen.state.stopped || current_failed(seen) || seen.status == Status::started;
  return leave ? Decision{} : start(seen, around, "and serves until the other version is there");
}

/// Does nothing, but for removing leftovers when there are any.
Decision rest(const Observed& seen, const Circumstances& around, Phase phase) {
  const bool tidy = !around.preparing && !leftovers(seen, around.keep_versions).empty();
  return {tidy ? Action::tidy : Action::none, false, phase, ""};
}

Decision stop(const Observed& seen, const Circumstances& around) {
  if (!seen.has_control || seen.status == Status::stopped) return {};
  return {around.control_paused ? Action::none : Action::stop, false, Phase::idle, "meta says stop"};
}

Decision roll_back(const Circumstances& around, const std::string& why) {
  return {around.control_paused ? Action::none : Action::roll_back, false, Phase::switching, why};
}

Decision plan_trial(const Observed& seen, const DesiredAgent* desired, const Circumstances& around, int64_t now) {
  const Probation& trial = *seen.state.trial;
  if (desired != nullptr && desired->cmd == "stop") return stop(seen, around);
  if (desired != nullptr && desired->cmd == "start" && differs(seen, *desired) && ready_release(seen, *desired) != nullptr &&
      !is_failed(seen.state, desired->version, given_checksum(*desired)) && !around.update_paused) {
    return {Action::switch_over, false, Phase::switching, "meta changed its mind during the probation"};
  }
  // Further off than any probation lasts: the clock was set back meanwhile. It begins anew.
  if (trial.until == 0 || trial.until - now > kLongestProbation)
    return {around.control_paused ? Action::none : Action::resume_trial, false, Phase::switching, "the switch was cut short"};
  if (seen.status != Status::started) {
    const std::string how = seen.has_control ? cat("was \"", seen.status_text, "\"") : "lost its ./control";
    return roll_back(around, cat(how, " during its probation"));
  }
  if (now >= trial.until && !around.control_paused) return {Action::pass, false, Phase::idle, "passed its probation"};
  return {Action::none, false, Phase::probation, ""};
}

Decision plan_change(const Observed& seen, const DesiredAgent& desired, const Circumstances& around) {
  if (is_failed(seen.state, desired.version, given_checksum(desired))) {
    const Phase phase = seen.has_control ? Phase::rolled_back : Phase::failed;
    Decision decision = supervise(seen, around);
    if (decision.action == Action::none) decision = rest(seen, around, phase);
    decision.phase = phase;
    return decision;
  }
  const bool ready = ready_release(seen, desired) != nullptr;
  if (ready && !around.update_paused) {
    const std::string from = seen.version.empty() ? "none" : seen.version;
    return {Action::switch_over, false, Phase::switching, cat("meta desires ", desired.version, ", here is ", from)};
  }
  Decision decision = supervise(seen, around);
  decision.prepare = !ready && !around.update_paused;
  decision.phase = Phase::waiting;
  return decision;
}

}  // namespace

std::optional<std::string> reason_to_leave(const std::string& name, const std::string& desired_agent) {
  if (desired_agent.empty() || desired_agent == name) return std::nullopt;
  return cat("this host's cfg.json has desiredAgent ", desired_agent);
}

std::string to_string(Action action) {
  switch (action) {
    case Action::none: return "nothing";
    case Action::start: return "start";
    case Action::stop: return "stop";
    case Action::switch_over: return "switch over";
    case Action::resume_trial: return "resume the trial";
    case Action::roll_back: return "roll back";
    case Action::pass: return "pass";
    case Action::tidy: return "tidy";
  }
  return "";
}

bool is_committed(const Probation& trial, const Observed& seen) {
  return trial.version == seen.version && (trial.previous != trial.version || trial.checksum == seen.checksum);
}

std::string fallback_version(const Observed& seen, const std::string& next) {
  const auto& trial = seen.state.trial;
  if (trial && is_committed(*trial, seen)) return trial->previous;
  if (seen.has_control && !current_failed(seen)) return seen.version;
  return trial && seen.version != trial->previous && next != trial->previous ? trial->previous : std::string();
}

const Release* ready_release(const Observed& seen, const DesiredAgent& desired) {
  const Release* best = nullptr;
  for (const Release& release : seen.releases) {
    const bool is_current = !release.staged && release.version == seen.version;
    if (release.version != desired.version || is_current) continue;
    if (!may_be_same(given_checksum(desired), release.checksum)) continue;
    if (best == nullptr || release.staged) best = &release;
  }
  return best;
}

std::vector<std::string> leftovers(const Observed& seen, int keep_versions) {
  std::vector<std::string> names = seen.staging;
  std::vector<Release> older;
  int kept = 1;
  for (const Release& release : seen.releases) {
    if (release.staged || release.version == seen.version) continue;
    if (seen.state.failed && release.version == seen.state.failed->version) {
      names.push_back(release.version);
    } else if (release.version == seen.state.previous && keep_versions > 1) {
      ++kept;
    } else {
      older.push_back(release);
    }
  }
  std::sort(older.begin(), older.end(), [](const Release& a, const Release& b) { return a.installed_at > b.installed_at; });
  for (const Release& release : older) {
    if (++kept > keep_versions) names.push_back(release.version);
  }
  return names;
}

Decision plan(const Observed& seen, const DesiredAgent* desired, const Circumstances& around, int64_t now) {
  if (seen.hold) return {Action::none, false, Phase::held, *seen.hold};
  if (const auto& trial = seen.state.trial) {
    if (is_failed(seen.state, trial->version, trial->checksum)) return roll_back(around, seen.state.failed->error);
    if (is_committed(*trial, seen)) return plan_trial(seen, desired, around, now);
  }
  if (desired == nullptr) {
    const bool cut_short = seen.state.trial && seen.has_control && seen.status != Status::started;
    return cut_short ? start(seen, around, "the switch was cut short") : Decision{};
  }
  if (desired->cmd == "stop") return stop(seen, around);
  if (desired->cmd != "start") return {};
  if (differs(seen, *desired)) return plan_change(seen, *desired, around);
  if (current_failed(seen)) return {Action::none, false, Phase::failed, seen.state.failed->error};
  if (seen.status == Status::started) return rest(seen, around, Phase::idle);
  return start(seen, around, "should be started");
}

}  // namespace ops::updater
