#pragma once

// When to send the next heartbeat and when to retry. Every pause has jitter, so that the hosts of a fleet do not act at the
// same time. Pure except for the random source.

#include <algorithm>
#include <chrono>
#include <optional>
#include <random>

namespace ops::updater {

using Clock = std::chrono::steady_clock;
using Random = std::minstd_rand;

/// A start of the updater within this time after the host's boot counts as a part of the boot.
inline constexpr std::chrono::minutes kBootTime{5};
/// The shortest pause between heartbeats that users of the host ask for.
inline constexpr std::chrono::seconds kUsersPause{1};
/// The longest wait for the first heartbeat after any other start.
inline constexpr std::chrono::seconds kPromptStart{5};

/// The time from the updater's start to its first heartbeat. `uptime` is that of the host.
/// Within kBootTime it is uniform in [0, interval), so that hosts that boot together after a power cut do not send together.
/// Later it is uniform in [0, min(kPromptStart, interval)): an operator may wait for the result.
/// The rule depends on the uptime only and not on the starter (systemd, cron, an operator), because each of these starts
/// updaters at both times. The cost: a tool that restarts the updaters of 100,000 hosts within one second causes 20,000
/// heartbeats/s for 5 s. That takes two thirds of one core of ops-meta (33 us each). A host without an answer retries after
/// poll_delay().
Clock::duration first_sleep(std::chrono::seconds interval, std::chrono::seconds uptime, Random& random);

/// The time to the next heartbeat. After a success: interval x (0.9 … 1.1). After the n-th failure in a row: interval / 16,
/// doubled n - 1 times, at most the interval, x (0.75 … 1.25). The jitter is applied after the cap, so that hosts stay spread
/// out through a long outage. `retry_after`, capped at 1 h, is the minimum after a failure; it is multiplied by (1.0 … 1.5),
/// because ops-meta may have sent the same value to many hosts in the same second.
Clock::duration poll_delay(std::chrono::seconds interval, int failures, std::optional<std::chrono::seconds> retry_after,
                           Random& random);

/// How long the updater keeps to another server than the first one of its list: 10 intervals x (0.9 … 1.1).
Clock::duration server_stay(std::chrono::seconds interval, Random& random);

/// Decides when to send heartbeats.
class Polling {
 public:
  /// The first heartbeat is due after first_sleep().
  Polling(std::chrono::seconds interval, std::chrono::seconds uptime, Clock::time_point now, Random& random)
      : next_(now + first_sleep(interval, uptime, random)) {}

  /// The operator asks for a heartbeat now, also during a pause.
  void ask_now() { asked_by_operator_ = true; }
  /// A user of the host asks for a heartbeat now. It waits for the end of the pause after a failed heartbeat, and until 1 s
  /// after the last heartbeat: the user may ask in a loop.
  void ask_soon() { asked_by_user_ = true; }
  /// A status of this host changed: the next heartbeat is due now. But after a failed heartbeat it waits for the end of the
  /// pause, so that a fleet with failing agents does not overload ops-meta.
  void report_soon() { has_changes_ = true; }

  /// True if a heartbeat is due by time or by the operator's request. False if only a change made it due.
  bool is_round_due(Clock::time_point now) const { return asked_by_operator_ || now >= round_at(); }
  bool is_due(Clock::time_point now) const { return is_round_due(now) || (has_changes_ && failures_ == 0); }
  Clock::time_point next() const { return next_; }
  /// When a heartbeat becomes due by time or by a user's request. Call it while none is under way.
  Clock::time_point round_at() const {
    return asked_by_user_ && failures_ == 0 ? std::min(next_, sent_at_ + kUsersPause) : next_;
  }

  /// A heartbeat was sent. The next one is due by time only after answered() or failed().
  void sent(Clock::time_point now);
  /// `own` is the interval of the host's config. `asked` is the interval that ops-meta asks for, 0 if it asks for none.
  void answered(std::chrono::seconds own, std::chrono::seconds asked, Clock::time_point now, Random& random);
  /// Uses the interval that ops-meta last asked for, else `own`.
  void failed(std::chrono::seconds own, std::optional<std::chrono::seconds> retry_after, Clock::time_point now, Random& random);

  int failures() const { return failures_; }
  /// The interval between heartbeats, before the random factor.
  std::chrono::seconds interval(std::chrono::seconds own) const { return meta_interval_.count() > 0 ? meta_interval_ : own; }

 private:
  Clock::time_point next_;
  bool asked_by_operator_ = false;
  bool asked_by_user_ = false;
  bool has_changes_ = false;
  Clock::time_point sent_at_{};  // the last heartbeat
  int failures_ = 0;             // in a row
  std::chrono::seconds meta_interval_{0};
};

/// Pauses between attempts that fail: `base`, doubled with each failure up to 1 h, x (0.75 … 1.25).
class Backoff {
 public:
  /// The first `free` failures cause no pause.
  explicit Backoff(std::chrono::seconds base, int free = 0) : base_(base), free_(free) {}

  /// `retry_after` is the minimum that a server asked for; it is capped and multiplied as in poll_delay().
  void fail(Clock::time_point now, Random& random, std::optional<std::chrono::seconds> retry_after = std::nullopt);
  void reset() { *this = Backoff(base_, free_); }

  bool is_paused(Clock::time_point now) const { return now < until_; }
  Clock::time_point until() const { return until_; }
  int failures() const { return failures_; }

 private:
  std::chrono::seconds base_;
  int free_;
  int failures_ = 0;
  Clock::time_point until_{};
};

}  // namespace ops::updater
