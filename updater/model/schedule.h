#pragma once

// When to do things again: every pause is jittered, so that a fleet never acts in step. Pure, but for the random source.

#include <chrono>
#include <optional>
#include <random>

namespace ops::updater {

using Clock = std::chrono::steady_clock;
using Random = std::minstd_rand;

/// How long after the host's boot a start counts as one of many: after a power cut, say.
inline constexpr std::chrono::minutes kBootTime{5};
/// How long the first heartbeat after any other start waits at most.
inline constexpr std::chrono::seconds kPromptStart{5};

/// Before the first heartbeat, by how long the host has been up. In its first kBootTime uniform in [0, interval): hosts that
/// boot at once do not ask at once. Later uniform in [0, min(kPromptStart, interval)): an operator starts it and waits for the
/// result. The rule depends on the uptime only. It does not depend on the starter (systemd, cron, an operator): each of them
/// starts updaters at both times. The cost: a tool that restarts the updaters of 100,000 hosts within one second makes 20,000
/// heartbeats/s for 5 s, which takes two thirds of one core of ops-meta (33 us each). Beyond that, hosts without an answer ask
/// again by poll_delay.
Clock::duration first_sleep(std::chrono::seconds interval, std::chrono::seconds uptime, Random& random);

/// Until the next heartbeat. After a success the interval x (0.9 … 1.1). After the n-th failure in a row a sixteenth of the
/// interval, doubled n - 1 times but never more than the interval, x (0.75 … 1.25): the jitter comes after the cap, so that
/// hosts stay spread out through a long outage. A Retry-After from meta, at most an hour, is the least it waits, and up to half
/// as long again: many hosts may have been told the same in the same second.
Clock::duration poll_delay(std::chrono::seconds interval, int failures, std::optional<std::chrono::seconds> retry_after,
                           Random& random);

/// When to send heartbeats.
class Polling {
 public:
  /// The first one is due after first_sleep().
  Polling(std::chrono::seconds interval, std::chrono::seconds uptime, Clock::time_point now, Random& random)
      : next_(now + first_sleep(interval, uptime, random)) {}

  /// The operator wants one at once, whatever pause is on.
  void ask_now() { asked_ = true; }
  /// There is news of this host: at once, unless ops-meta failed to answer. Then it has trouble enough, and the news can wait
  /// for the end of the pause.
  void report_soon() { has_news_ = true; }

  /// Whether the time has come, rather than that there is news.
  bool is_round_due(Clock::time_point now) const { return asked_ || now >= next_; }
  bool is_due(Clock::time_point now) const { return is_round_due(now) || (has_news_ && failures_ == 0); }
  Clock::time_point next() const { return next_; }

  /// One is on its way: its answer or its failure says when the next one is due.
  void sent();
  /// `asked` is the interval that ops-meta asks for, 0 when it leaves that to the host's `own` one.
  void answered(std::chrono::seconds own, std::chrono::seconds asked, Clock::time_point now, Random& random);
  /// What ops-meta last asked for holds on.
  void failed(std::chrono::seconds own, std::optional<std::chrono::seconds> retry_after, Clock::time_point now, Random& random);

  int failures() const { return failures_; }

 private:
  Clock::time_point next_;
  bool asked_ = false;
  bool has_news_ = false;
  int failures_ = 0;  // in a row
  std::chrono::seconds metas_interval_{0};
};

/// Growing pauses between attempts at something that fails: `base`, doubled each time up to an hour, x (0.75 … 1.25).
class Backoff {
 public:
  /// The first `free` failures cause no pause.
  explicit Backoff(std::chrono::seconds base, int free = 0) : base_(base), free_(free) {}

  /// `retry_after` is what a server asked for: the least it pauses then, and up to half as long again, as in poll_delay.
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
