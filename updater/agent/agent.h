#pragma once

// The updater's memory of one agent between two observations of it. It may be lost at any time: the next observation reads
// all that matters from the disk again. It starts nothing itself; time and the random source are arguments.
//
// An agent's life is a loop: begin_observation -> take_observation -> decide -> (run the action) -> end_action. Beside it, a
// release is fetched in the background: take_fetch.

#include <cstdint>
#include <optional>
#include <string>

#include "common/protocol/heartbeat.h"
#include "updater/agent/switch.h"
#include "updater/model/plan.h"
#include "updater/model/report.h"
#include "updater/model/schedule.h"
#include "updater/model/unclear_status.h"
#include "updater/release/fetch_worker.h"

namespace ops::updater {

class Agent {
 public:
  explicit Agent(std::string name) : name_(std::move(name)) {}

  /// An observation or an action of this agent has begun and its result has not arrived.
  bool is_busy() const { return is_observing_ || action_; }
  /// An observation has arrived that no decision has used yet.
  bool is_undecided() const { return is_undecided_; }
  /// An observation has arrived since the updater started.
  bool was_observed() const { return was_observed_; }
  /// When the next observation is due, unless the agent is busy. The next round observes it earlier.
  Clock::time_point observe_at() const { return observe_at_; }
  /// The last decision wants the desired release fetched.
  bool wants_fetch() const { return wants_fetch_; }

  /// Makes the next observation due at `time`.
  void observe_again(Clock::time_point time) { observe_at_ = time; }

  /// An observation that lasts longer than `patience` makes the agent stuck.
  void begin_observation(Clock::time_point now, Clock::duration patience);

  /// An observation during which a fetch ended is outdated: it may miss the new release, and to decide by it would fetch the
  /// release again. The agent is then observed again at once.
  void take_observation(Observed seen, Clock::time_point now);

  /// The host failed to read the agent's folder. The last observation stays; the next one is due at `again`.
  void observation_failed(Clock::time_point again);

  /// The operator asks to forget failures, and the decision must wait for that.
  bool is_retry_asked() const { return is_undecided_ && seen_.retry_asked; }

  /// Removes the latch from the observed state. Returns the state to save; nullopt when there is none to remove.
  std::optional<State> remove_latch();

  /// Forgets the last error, all pauses, and a bad release that is not latched yet.
  void forget_failures();

  /// A release that was found to be bad before it was ever started gets the same latch as one that failed to start. Returns
  /// the state to save; nullopt when there is no such release.
  std::optional<State> latch_bad_release();

  /// Plans by the last observation. The caller runs decision.action, unless that is none, and reports its end to end_action.
  /// `desired` is nullptr when ops-meta has not answered yet (`meta_answered`) or does not name the agent. `now` and `boot` are
  /// the same instant.
  Decision decide(const DesiredAgent* desired, bool meta_answered, bool is_fetching, const SwitchSettings& settings,
                  Clock::time_point now, const BootTime& boot);

  /// Records how the action ended: the error, the pauses, and when to observe again. Returns the action.
  Action end_action(const Result<void>& outcome, Clock::time_point now, Random& random);

  /// Records how a fetch ended. `unix_time` is the same instant as `now`.
  void take_fetch(const FetchWorker::Outcome& outcome, Clock::time_point now, int64_t unix_time, Random& random);

  /// Updates whether the observation or the action under way takes too long: then the file system of the agent's folder hangs,
  /// and report() says so. Returns true when that begins.
  bool update_stuck(Clock::time_point now);

  /// Updates the phase that report() gives, and since when it lasts. `fetch` is nullptr unless a release of this agent is
  /// being fetched.
  void update_phase(const FetchWorker::Progress* fetch, int64_t unix_time);

  /// Fills in the agent's starts of a heartbeat.
  void report_starts(RealAgent& to, Clock::time_point now) const;

  const Observed& seen() const { return seen_; }
  AgentReport report(const DesiredAgent* desired, const FetchWorker::Progress* fetch) const;

 private:
  void plan_next_observation(Clock::time_point now, std::chrono::seconds probation);
  void count_start(Action action, Clock::time_point now);
  void pause_after(Action action, bool is_good, Clock::time_point now, Random& random);

  const std::string name_;
  Observed seen_;
  UnclearStatus unclear_;  // the last statuses since the last action
  bool was_observed_ = false;
  bool is_undecided_ = false;
  bool is_observing_ = false;
  bool is_stuck_ = false;  // the observation or the action under way takes too long
  Clock::time_point stuck_at_{};
  bool is_outdated_ = false;      // a fetch ended during the observation that is under way
  std::optional<Action> action_;  // under way
  Clock::time_point observe_at_{};

  Backoff update_pause_{std::chrono::seconds(5)};       // between attempts to fetch or to switch
  Backoff control_pause_{std::chrono::seconds(10), 3};  // between attempts to start, stop, resume, pass or roll back
  bool is_restart_ = false;  // the action under way starts an agent that died, and not after a stop order or a boot
  int64_t restarts_ = 0;     // since the last switch
  std::optional<Clock::time_point> started_at_;    // by this process
  std::optional<Clock::time_point> last_restart_;  // the last start, rollback or failed action
  DesiredAgent attempted_;                         // the last one that update_pause_ counts failures of
  bool wants_fetch_ = false;
  std::optional<Latch> bad_release_;  // to be latched by the next decision
  std::string error_;                 // of the last action or fetch; "" after a good one
  std::string start_error_;           // of the last start; "" after a good one

  Phase decided_phase_ = Phase::idle;
  Phase phase_ = Phase::idle;
  int64_t since_ = 0;  // when phase_ began, seconds since 1970
};

/// A folder that does not answer for this long is stuck, beyond the time that scripts may take. Longer than any ./control
/// status: 10 s, and its end by signals.
inline constexpr auto kStuckAfter = std::chrono::seconds(30);

/// The status of an agent whose observation or action takes too long.
inline constexpr char kStuckText[] = "its folder does not answer: a file system there hangs";

/// Whether the action is a step of an update, unlike the start or stop of an installed version.
bool is_switching(std::optional<Action> action);

}  // namespace ops::updater
