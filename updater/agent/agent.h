#pragma once

// What the loop remembers of one agent between two looks at it. All of it may be forgotten at any time: the disk knows better.

#include <cstdint>
#include <optional>
#include <string>

#include "common/protocol/heartbeat.h"
#include "updater/model/plan.h"
#include "updater/model/report.h"
#include "updater/model/schedule.h"
#include "updater/release/fetch_worker.h"

namespace ops::updater {

struct Agent {
  Observed seen;
  bool was_seen = false;        // `seen` is of this run of the updater
  bool is_fresh = false;        // seen since the last decision
  Clock::time_point look_at{};  // when to look again
  Backoff update{std::chrono::seconds(5)};
  Backoff control{std::chrono::seconds(10), 3};
  std::optional<Clock::time_point> last_control;
  Phase phase = Phase::idle;         // of the last decision
  Phase shown_phase = Phase::idle;   // the phase that `since` is of
  int64_t since = 0;                 // seconds since 1970
  std::string error;                 // of the last attempt at anything; "" after a good one
  std::optional<Latch> bad_release;  // to be latched as soon as the lane is free
  bool prepare = false;              // the last decision wants the desired release prepared
  std::optional<Action> action;      // what the lane does now; nullopt when it only looks
  DesiredAgent attempted;            // the last one that an update was tried for
  int preparations = 0;              // how many have ended

  /// Forgets what failed, and all pauses.
  void forget_failures();

  /// Takes in how an action ended: the error, the pauses, and when to look again.
  void note_outcome(Action done, const Result<void>& outcome, Clock::time_point now, Random& random);

  /// When to look again before the next heartbeat does: during a probation, and at the end of a pause.
  void plan_next_look(Clock::time_point now, std::chrono::seconds probation);

  /// Takes in what is to be said upstream, since `now` (seconds since 1970) if that is news. `preparing` is nullopt unless a
  /// release is being prepared.
  void note_phase(const std::optional<FetchWorker::Progress>& preparing, int64_t now);

  AgentReport report(const std::string& name, const DesiredAgent* desired,
                     const std::optional<FetchWorker::Progress>& preparing) const;
};

/// A step of an update, as opposed to the daily start and stop.
bool is_switching(std::optional<Action> action);

}  // namespace ops::updater
