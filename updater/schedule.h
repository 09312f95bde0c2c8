#pragma once

// When to do things again: every pause is jittered, so that a fleet never acts in step. Pure, but for the random source.

#include <chrono>
#include <optional>
#include <random>

namespace ops::updater {

using Clock = std::chrono::steady_clock;
using Random = std::minstd_rand;

/// Uniform in [0, interval): hosts that boot at once do not all ask at once.
Clock::duration first_sleep(std::chrono::seconds interval, Random& random);

/// Until the next heartbeat. After a success the interval x (0.9 … 1.1). After the n-th failure in a row a sixteenth of the
/// interval, doubled n - 1 times but never more than the interval, x (0.75 … 1.25): the jitter comes after the cap, so that
/// hosts stay spread out through a long outage. A Retry-After from meta is the least it waits.
Clock::duration poll_delay(std::chrono::seconds interval, int failures, std::optional<std::chrono::seconds> retry_after,
                           Random& random);

/// Growing pauses between attempts at something that fails: `base`, doubled each time up to an hour, x (0.75 … 1.25).
class Backoff {
 public:
  /// The first `free` failures cause no pause.
  explicit Backoff(std::chrono::seconds base, int free = 0) : base_(base), free_(free) {}

  void fail(Clock::time_point now, Random& random);
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
