#include "updater/agent/agent.h"

#include <algorithm>

namespace ops::updater {

using std::chrono::milliseconds;

namespace {

constexpr auto kCalmAfter = std::chrono::minutes(10);  // without a restart, an agent no longer counts as one that keeps dying
constexpr auto kNever = Clock::time_point::max();

/// A fraction of the probation: even a short probation is checked several times.
Clock::duration probation_tick(std::chrono::seconds probation) {
  return std::clamp<Clock::duration>(probation / 5, milliseconds(200), std::chrono::seconds(3));
}

/// A tenth of the soak, so that three deaths are seen in it.
Clock::duration soak_tick(std::chrono::seconds soak) {
  return std::clamp<Clock::duration>(soak / 10, milliseconds(200), std::chrono::seconds(30));
}

}  // namespace

bool is_switching(std::optional<Action> action) {
  return action == Action::switch_over || action == Action::resume_probation || action == Action::roll_back;
}

void Agent::begin_observation(Clock::time_point now, Clock::duration patience) {
  is_observing_ = true;
  stuck_at_ = now + patience;
  is_outdated_ = false;
  observe_at_ = kNever;
}

void Agent::take_observation(Observed seen, Clock::time_point now) {
  is_observing_ = false;
  seen_ = std::move(seen);
  unclear_.note(seen_.status, now);
  was_observed_ = true;
  is_undecided_ = !is_outdated_;
  if (is_outdated_) observe_at_ = now;
}

void Agent::observation_failed(Clock::time_point again) {
  is_observing_ = false;
  observe_at_ = again;
}

bool Agent::update_stuck(Clock::time_point now) {
  const bool was_stuck = std::exchange(is_stuck_, is_busy() && now > stuck_at_);
  return is_stuck_ && !was_stuck;
}

std::optional<State> Agent::remove_latch() {
  if (!seen_.state.latch || seen_.state.probation) return std::nullopt;
  seen_.state.latch.reset();
  return seen_.state;
}

void Agent::forget_failures() {
  update_pause_.reset();
  control_pause_.reset();
  error_.clear();
  bad_release_.reset();
}

std::optional<State> Agent::latch_bad_release() {
  if (!bad_release_) return std::nullopt;
  seen_.state.latch = std::move(bad_release_);
  bad_release_.reset();
  return seen_.state;
}

Decision Agent::decide(const DesiredAgent* desired, bool meta_answered, bool is_fetching, const SwitchSettings& settings,
                       Clock::time_point now, const BootTime& boot) {
  is_undecided_ = false;
  if (desired != nullptr && *desired != attempted_) {
    update_pause_.reset();
    attempted_ = *desired;
  }
  const Circumstances circumstances{update_pause_.is_paused(now),
                                    control_pause_.is_paused(now),
                                    is_fetching,
                                    settings.keep_versions,
                                    unclear_.is_failure(settings.unclear_patience, now),
                                    meta_answered,
                                    start_error_};
  Decision decision = plan(seen_, desired, circumstances, boot);
  decided_phase_ = decision.phase;
  wants_fetch_ = decision.prepare;
  if (decision.action != Action::none) {
    action_ = decision.action;
    const bool is_of_boot = !started_at_ && std::chrono::seconds(boot.seconds) < kBootTime;
    is_restart_ = decision.action == Action::start && !seen_.state.stopped && !is_of_boot;
    stuck_at_ = now + kStuckAfter + settings.longest_action();
    return decision;
  }
  if (decision.phase == Phase::idle && seen_.status == Status::started) error_.clear();
  plan_next_observation(now, settings.probation);
  return decision;
}

/// Before the next round does: during a probation or a soak, and at the end of a pause.
void Agent::plan_next_observation(Clock::time_point now, std::chrono::seconds probation) {
  observe_at_ = kNever;
  if (seen_.state.soak) observe_at_ = now + soak_tick(std::chrono::seconds(seen_.state.soak->seconds));
  if (decided_phase_ == Phase::probation) observe_at_ = now + probation_tick(probation);
  for (const Backoff* pause : {&update_pause_, &control_pause_}) {
    if (pause->is_paused(now)) observe_at_ = std::min(observe_at_, pause->until());
  }
}

Action Agent::end_action(const Result<void>& outcome, Clock::time_point now, Random& random) {
  const Action done = action_.value_or(Action::none);
  action_.reset();
  unclear_.reset();
  error_ = outcome ? "" : outcome.error().message;
  if (done == Action::start) start_error_ = error_;
  count_start(done, now);
  // Leftovers that could not be removed can wait for the next round.
  observe_at_ = is_upkeep(done) && !outcome ? kNever : now;
  pause_after(done, outcome.ok(), now, random);
  return done;
}

void Agent::count_start(Action action, Clock::time_point now) {
  if (is_restart_) ++restarts_;
  if (is_switching(action)) restarts_ = 0;
  if (action == Action::start || is_switching(action)) started_at_ = now;
}

void Agent::report_starts(RealAgent& to, Clock::time_point now) const {
  to.restarts = restarts_;
  if (started_at_) to.started = std::chrono::floor<std::chrono::seconds>(now - *started_at_).count();
}

void Agent::pause_after(Action action, bool is_good, Clock::time_point now, Random& random) {
  const bool is_restart = action == Action::start || action == Action::roll_back;
  // A failed switch_over left the old version running, or latched the new one. Its supervision goes on.
  if (is_restart || (!is_good && action != Action::switch_over && !is_upkeep(action))) {
    if (last_restart_ && now - *last_restart_ > kCalmAfter) control_pause_.reset();
    last_restart_ = now;
    control_pause_.fail(now, random);
  }
  if (is_switching(action) && !is_good) update_pause_.fail(now, random);
  if (action == Action::pass_probation) {
    update_pause_.reset();
    control_pause_.reset();
  }
}

void Agent::take_fetch(const FetchWorker::Outcome& outcome, Clock::time_point now, int64_t unix_time, Random& random) {
  wants_fetch_ = false;
  is_undecided_ = false;
  is_outdated_ = true;
  observe_at_ = now;
  if (!outcome.error) {
    error_.clear();
    return;
  }
  const FetchError& failure = *outcome.error;
  error_ = failure.error.message;
  update_pause_.fail(now, random, failure.retry_after);
  if (failure.lasting) {
    bad_release_ = Latch{outcome.agent.version, failure.checksum, one_line(error_, kMaxStatusSize), unix_time};
  }
}

void Agent::update_phase(const FetchWorker::Progress* fetch, int64_t unix_time) {
  Phase current = decided_phase_;
  if (is_switching(action_)) {
    current = Phase::switching;
  } else if (fetch != nullptr) {
    current = fetch->phase;
  } else if (current == Phase::idle && !error_.empty()) {
    current = Phase::waiting;  // it keeps dying, or does not stop
  }
  if (current == phase_) return;
  phase_ = current;
  since_ = unix_time;
}

AgentReport Agent::report(const DesiredAgent* desired, const FetchWorker::Progress* fetch) const {
  AgentReport report;
  report.name = name_;
  if (was_observed_) report.seen = seen_;
  if (was_observed_ && is_stuck_) {
    report.seen->status = Status::unclear;
    report.seen->status_text = kStuckText;
  }
  if (desired != nullptr) report.desired = *desired;
  report.phase = phase_;
  report.since = since_;
  report.error = error_;
  report.attempts = update_pause_.failures() + (fetch != nullptr || is_switching(action_) ? 1 : 0);
  if (fetch != nullptr) {
    report.done = fetch->done;
    report.total = fetch->total;
  }
  return report;
}

}  // namespace ops::updater
