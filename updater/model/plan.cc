#include "updater/model/plan.h"

#include <algorithm>
#include <iterator>

#include "updater/model/layout.h"
#include "updater/model/soak.h"

namespace ops::updater {

namespace {

constexpr int64_t kMaxProbation = 3600;  // seconds; the most that the config allows
constexpr int64_t kMaxStarts = 2;        // of a release that was not seen started

/// An unknown checksum ("") matches any.
bool may_be_same(const std::string& a, const std::string& b) { return a.empty() || b.empty() || a == b; }

bool is_latched(const State& state, const std::string& version, const std::string& checksum) {
  return state.latch && state.latch->version == version && may_be_same(state.latch->checksum, checksum);
}

bool differs(const Observed& seen, const DesiredAgent& desired) {
  return desired.version != seen.version || !seen.has_control || !may_be_same(given_checksum(desired), seen.checksum);
}

bool is_current_latched(const Observed& seen) { return is_latched(seen.state, seen.version, seen.checksum); }

Decision start(const Observed& seen, const Circumstances& circumstances, const std::string& why) {
  Decision decision;
  decision.action = circumstances.control_paused ? Action::none : Action::start;
  decision.reason = cat(seen.version, " has the status \"", seen.status_text, "\": ", why);
  return decision;
}

Decision supervise(const Observed& seen, const Circumstances& circumstances) {
  const bool skip = !seen.has_control || seen.state.stopped || is_current_latched(seen) || seen.status == Status::started;
  return skip ? Decision{} : start(seen, circumstances, "it runs until the next version is ready");
}

/// Removes leftovers if there are any.
Decision tidy_or_nothing(const Observed& seen, const Circumstances& circumstances, Phase phase) {
  const bool tidy = !circumstances.preparing && !leftovers(seen, circumstances.keep_versions).empty();
  return {tidy ? Action::tidy : Action::none, false, phase, ""};
}

Decision stop(const Observed& seen, const Circumstances& circumstances) {
  if (!seen.has_control || seen.status == Status::stopped) return {};
  return {circumstances.control_paused ? Action::none : Action::stop, false, Phase::idle, "ops-meta says stop"};
}

Decision roll_back(const Circumstances& circumstances, const std::string& why) {
  return {circumstances.control_paused ? Action::none : Action::roll_back, false, Phase::switching, why};
}

bool has_boot_clock(const Probation& probation, const BootTime& now) {
  return !probation.boot_id.empty() && !now.boot_id.empty();
}

/// Whether the probation has to begin again: the new version was not seen started yet, the machine booted meanwhile, or without
/// the clock of the boot, the wall clock was set back.
bool must_begin_again(const Observed& seen, const Probation& probation, const BootTime& now) {
  if (probation.until == 0) return true;
  if (!has_boot_clock(probation, now)) return probation.until - now.wall > kMaxProbation;
  return probation.boot_id != now.boot_id && seen.status == Status::started;
}

bool has_ended(const Probation& probation, const BootTime& now) {
  return has_boot_clock(probation, now) ? now.seconds >= probation.until_since_boot : now.wall >= probation.until;
}

Decision plan_probation(const Observed& seen, const DesiredAgent* desired, const Circumstances& circumstances,
                        const BootTime& now) {
  const Probation& probation = *seen.state.probation;
  if (desired != nullptr && desired->cmd == "stop") return stop(seen, circumstances);
  if (desired != nullptr && desired->cmd == "start" && differs(seen, *desired) && ready_release(seen, *desired) != nullptr &&
      !is_latched(seen.state, desired->version, given_checksum(*desired)) && !circumstances.update_paused) {
    return {Action::switch_over, false, Phase::switching,
            cat("ops-meta desires ", desired->version, " during the probation of ", seen.version)};
  }
  if (probation.until == 0 && probation.starts >= kMaxStarts && seen.status != Status::started) {
    return roll_back(circumstances, cat(probation.starts, " starts of ", seen.version,
                                        " were cut short: the updater or the host ended during each of them"));
  }
  if (must_begin_again(seen, probation, now))
    return {circumstances.control_paused ? Action::none : Action::resume_probation, false, Phase::switching,
            "the switch was interrupted"};
  if (seen.has_control && seen.status == Status::unclear && !circumstances.unclear_for_long)
    return {Action::none, false, Phase::probation, ""};
  if (seen.status != Status::started) {
    const std::string how = seen.has_control ? cat("was \"", seen.status_text, "\"") : "lost its ./control";
    return roll_back(circumstances, cat(how, " during its probation"));
  }
  if (has_ended(probation, now) && !circumstances.control_paused)
    return {Action::pass_probation, false, Phase::idle, "passed its probation"};
  return {Action::none, false, Phase::probation, ""};
}

bool is_of_current(const Soak& soak, const Observed& seen) {
  return soak.version == seen.version && (soak.previous != soak.version || soak.checksum == seen.checksum);
}

/// Why the soak in .state is not in force; "" if it is.
std::string end_of_soak(const Soak& soak, const Observed& seen, const DesiredAgent* desired, const Circumstances& circumstances,
                        const BootTime& now) {
  if (seen.hold) return "the agent is held";
  if (!is_of_current(soak, seen)) return cat(soak.version, " is no longer installed");
  if (desired == nullptr && circumstances.meta_answered) return "ops-meta does not name the agent";
  if (seen.state.stopped || (desired != nullptr && desired->cmd != "start")) return "ops-meta does not say start";
  return is_over(soak, now) ? cat(soak.version, " ran for ", soak.seconds, " s since its last start") : "";
}

/// The rows of the table for a soak in force. `settled` is the decision without the soak.
Decision plan_soak(const Soak& soak, const Observed& seen, const DesiredAgent* desired, const Circumstances& circumstances,
                   const BootTime& now, Decision settled) {
  const bool is_replacement = soak.previous == soak.version && desired != nullptr && desired->version == soak.version;
  if (settled.prepare && is_replacement) {
    return {Action::end_soak, false, settled.phase, "its staging is needed for other content of the version"};
  }
  if (settled.action == Action::switch_over || seen.status == Status::started) return settled;
  if (seen.has_control && seen.status == Status::unclear && !circumstances.unclear_for_long) {
    settled.action = Action::none;
    settled.reason.clear();
    return settled;
  }
  if (is_last_chance(soak, now)) {
    const std::string& error = circumstances.start_error;
    return roll_back(circumstances, cat("was \"", seen.status_text, "\" for the third time in its soak of ", soak.seconds, " s",
                                        error.empty() ? "" : "; its last start: " + error));
  }
  const Decision again = start(seen, circumstances, cat("it died in its soak; deaths before this one: ", soak.deaths));
  settled.action = again.action;
  settled.reason = again.reason;
  return settled;
}

/// ops-meta desires the current release, which is latched. A release that runs is not failed.
Decision plan_latched(const Observed& seen, const Circumstances& circumstances) {
  if (seen.status == Status::started && !circumstances.control_paused)
    return {Action::begin_probation, false, Phase::probation, cat(seen.version, " failed before, and is started now")};
  return {Action::none, false, Phase::failed, seen.state.latch->error};
}

Decision plan_change(const Observed& seen, const DesiredAgent& desired, const Circumstances& circumstances) {
  if (is_latched(seen.state, desired.version, given_checksum(desired))) {
    const Phase phase = seen.has_control ? Phase::rolled_back : Phase::failed;
    Decision decision = supervise(seen, circumstances);
    if (decision.action == Action::none) decision = tidy_or_nothing(seen, circumstances, phase);
    decision.phase = phase;
    return decision;
  }
  const bool ready = ready_release(seen, desired) != nullptr;
  if (ready && !circumstances.update_paused) {
    const std::string current = seen.version.empty() ? "no version" : seen.version;
    return {Action::switch_over, false, Phase::switching,
            cat("ops-meta desires ", desired.version, ", installed is ", current)};
  }
  Decision decision = supervise(seen, circumstances);
  decision.prepare = !ready && !circumstances.update_paused;
  decision.phase = Phase::waiting;
  return decision;
}

Decision plan_without_soak(const Observed& seen, const DesiredAgent* desired, const Circumstances& circumstances,
                           const BootTime& now) {
  if (seen.hold) return {Action::none, false, Phase::held, *seen.hold};
  if (const auto& probation = seen.state.probation) {
    if (is_latched(seen.state, probation->version, probation->checksum))
      return roll_back(circumstances, seen.state.latch->error);
    if (is_committed(*probation, seen)) return plan_probation(seen, desired, circumstances, now);
  }
  if (desired == nullptr) {
    const bool interrupted = seen.state.probation && seen.has_control && seen.status != Status::started;
    return interrupted ? start(seen, circumstances, "the switch was interrupted") : Decision{};
  }
  if (desired->cmd == "stop") return stop(seen, circumstances);
  if (desired->cmd != "start") return {};
  if (differs(seen, *desired)) return plan_change(seen, *desired, circumstances);
  if (is_current_latched(seen)) return plan_latched(seen, circumstances);
  if (seen.status == Status::started) return tidy_or_nothing(seen, circumstances, Phase::idle);
  return start(seen, circumstances, "ops-meta says start");
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
    case Action::resume_probation: return "resume the probation";
    case Action::roll_back: return "roll back";
    case Action::begin_probation: return "begin a probation";
    case Action::pass_probation: return "pass the probation";
    case Action::end_soak: return "end the soak";
    case Action::tidy: return "tidy";
  }
  return "";
}

bool is_committed(const Probation& probation, const Observed& seen) {
  return probation.version == seen.version && (probation.previous != probation.version || probation.checksum == seen.checksum);
}

std::string fallback_version(const Observed& seen, const std::string& next) {
  const auto& probation = seen.state.probation;
  if (probation && is_committed(*probation, seen)) return probation->previous;
  if (seen.has_control && !is_current_latched(seen)) return seen.version;
  return probation && seen.version != probation->previous && next != probation->previous ? probation->previous : std::string();
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
  const auto& soak = seen.state.soak;
  std::vector<std::string> names;
  std::copy_if(seen.staging.begin(), seen.staging.end(), std::back_inserter(names), [&](const std::string& name) {
    const bool is_before = soak && soak->previous == soak->version && name == Layout::kStagedPrefix + soak->previous;
    return !is_before && !(soak && name == Layout::kReserveFile);
  });
  const std::string of_latch = seen.state.latch ? Layout::kFailedPrefix + seen.state.latch->version : "";
  std::copy_if(seen.failed.begin(), seen.failed.end(), std::back_inserter(names),
               [&](const std::string& name) { return name != of_latch; });
  std::vector<Release> older;
  int kept = 1;
  for (const Release& release : seen.releases) {
    if (release.staged || release.version == seen.version) continue;
    if (soak && release.version == soak->previous) {
      ++kept;
    } else if (seen.state.latch && release.version == seen.state.latch->version) {
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

bool is_failed_release(const Observed& seen, const std::string& entry) {
  return std::any_of(seen.releases.begin(), seen.releases.end(), [&](const Release& release) {
    return entry == (release.staged ? Layout::kStagedPrefix : "") + release.version &&
           is_latched(seen.state, release.version, release.checksum);
  });
}

Decision plan(const Observed& seen, const DesiredAgent* desired, const Circumstances& circumstances, const BootTime& now) {
  Decision settled = plan_without_soak(seen, desired, circumstances, now);
  const auto& soak = seen.state.soak;
  if (!soak || seen.state.probation) return settled;
  const std::string end = end_of_soak(*soak, seen, desired, circumstances, now);
  if (end.empty()) return plan_soak(*soak, seen, desired, circumstances, now, std::move(settled));
  if (settled.action != Action::none && settled.action != Action::tidy) return settled;
  return {Action::end_soak, false, settled.phase, end};
}

}  // namespace ops::updater
