#pragma once

// The time until a rollout is done, from a model of its pace. While n hosts run a release, n more may change (policy.h), so the
// number of hosts doubles in a fixed time: a heartbeat interval, the update and its probation, and the soak. That time follows
// from the share of the hosts that began to run the release lately. Rejected: the rest divided by the rate of now. In the first
// minutes of a rollout to a million hosts that gave days.

#include <chrono>
#include <cstdint>
#include <optional>

namespace ops::meta {

struct Pace {
  uint32_t running = 0;   // hosts
  uint32_t left = 0;      // hosts that have not changed
  uint32_t slots = 0;     // hosts that may change at a time now; 0: not known
  double per_second = 0;  // hosts that began to run it, over the last `measured`
  std::chrono::seconds measured{300};
  std::chrono::seconds soak{0};  // the number doubles no faster
};

/// nullopt if no host changed lately, or if so few hosts run it that the pace is not known yet.
std::optional<std::chrono::seconds> time_left(const Pace& pace);

}  // namespace ops::meta
