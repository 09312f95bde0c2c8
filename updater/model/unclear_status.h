#pragma once

// When an unclear status (common/protocol/status.h) counts as a failure. A `./control status` that took too long, or failed
// once, on a busy host says nothing about the agent: it is asked again before the updater concludes anything. Pure.

#include <algorithm>
#include <chrono>

#include "common/protocol/status.h"
#include "updater/model/schedule.h"

namespace ops::updater {

/// How long a status must stay unclear: 30 s, or less if both the probation and the interval are shorter.
inline std::chrono::seconds unclear_patience(std::chrono::seconds probation, std::chrono::seconds interval) {
  return std::min(std::chrono::seconds(30), std::max(probation, interval));
}

/// Counts the unclear statuses of one version in a row.
class UnclearStatus {
 public:
  void note(Status status, Clock::time_point now) {
    if (status != Status::unclear) return reset();
    if (count_++ == 0) since_ = now;
  }
  void reset() { count_ = 0; }

  /// True if the last kTimes statuses or more were unclear, over `patience` or longer.
  bool is_failure(std::chrono::seconds patience, Clock::time_point now) const {
    return count_ >= kTimes && now - since_ >= patience;
  }

 private:
  static constexpr int kTimes = 3;

  int count_ = 0;
  Clock::time_point since_{};
};

}  // namespace ops::updater
