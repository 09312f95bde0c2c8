#include "updater/agent/agent.h"

#include <algorithm>

namespace ops::updater {

using std::chrono::milliseconds;

namespace {

constexpr auto kCalmAfter = std::chrono::minutes(10);  // without a restart, an agent no longer counts as one that keeps dying
constexpr auto kNever = Clock::time_point::max();

/// A fraction of the probation, so that it is checked several times however short it is.
Clock::duration probation_tick(std::chrono::seconds probation) {
  return std::clamp<Clock::duration>(probation / 5, milliseconds(200), std::chrono::seconds(3));
}

}  // namespace

bool is_switching(std::optional<Action> action) {
  return action == Action::switch_over || action == Action::resume_probation || action == Action::roll_back;
}

void Agent::forget_failures() {
  update.reset();
  control.reset();
  error.clear();
  bad_release.reset();
}

void Agent::note_outcome(Action done, const Result<void>& outcome, Clock::time_point now, Random& random) {
  error = outcome ? "" : outcome.error().message;
  // A tidying that failed can wait for the next heartbeat.
  look_at = done == Action::tidy && !outcome ? kNever : now;
  if (done == Action::start || done == Action::roll_back || !outcome) {
    if (last_control && now - *last_control > kCalmAfter) control.reset();
    last_control = now;
    control.fail(now, random);
  }
  if (is_switching(done) && !outcome) update.fail(now, random);
  if (done == Action::pass_probation) {
    update.reset();
    control.reset();
  }
}

void Agent::plan_next_look(Clock::time_point now, std::chrono::seconds probation) {
  look_at = kNever;
  if (phase == Phase::probation) look_at = now + probation_tick(probation);
  for (const Backoff* pause : {&update, &control}) {
    if (pause->is_paused(now)) look_at = std::min(look_at, pause->until());
  }
}

void Agent::note_phase(const std::optional<FetchWorker::Progress>& preparing, int64_t now) {
  Phase current = phase;
  if (is_switching(action)) {
    current = Phase::switching;
  } else if (preparing) {
    current = preparing->phase;
  } else if (phase == Phase::idle && !error.empty()) {
    current = Phase::waiting;  // it keeps dying, or won't stop
  }
  if (current == shown_phase) return;
  shown_phase = current;
  since = now;
}

AgentReport Agent::report(const std::string& name, const DesiredAgent* desired,
                          const std::optional<FetchWorker::Progress>& preparing) const {
  AgentReport report;
  report.name = name;
  if (was_seen) report.seen = seen;
  if (desired != nullptr) report.desired = *desired;
  report.phase = shown_phase;
  report.since = since;
  report.error = error;
  report.attempts = update.failures() + (preparing || is_switching(action) ? 1 : 0);
  if (preparing) {
    report.done = preparing->done;
    report.total = preparing->total;
  }
  return report;
}

}  // namespace ops::updater
