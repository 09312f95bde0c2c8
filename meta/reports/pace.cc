#include "meta/reports/pace.h"

#include <algorithm>
#include <cmath>

namespace ops::meta {

namespace {

constexpr uint32_t kFewestHosts = 8;  // three doublings
constexpr double kMostShare = 0.98;   // of the hosts that run it: they all may have begun lately

}  // namespace

std::optional<std::chrono::seconds> time_left(const Pace& pace) {
  if (pace.left == 0) return std::chrono::seconds(0);
  if (pace.per_second <= 0) return std::nullopt;
  const auto to_seconds = [](double seconds) { return std::chrono::seconds(std::llround(seconds)); };
  const bool doubles = pace.slots > 0 && pace.slots < pace.left && 4 * uint64_t{pace.slots} > pace.running;
  if (!doubles) return to_seconds(pace.left / pace.per_second);
  if (pace.running < kFewestHosts) return std::nullopt;
  const auto measured = static_cast<double>(pace.measured.count());
  const double share = std::min(kMostShare, pace.per_second * measured / pace.running);
  const double doubling = std::max(measured / -std::log2(1 - share), static_cast<double>(pace.soak.count()));
  return to_seconds(doubling * std::log2(1 + static_cast<double>(pace.left) / pace.running));
}

}  // namespace ops::meta
