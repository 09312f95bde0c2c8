#include "updater/schedule.h"

#include <algorithm>

namespace ops::updater {

namespace {

constexpr std::chrono::seconds kLongestPause{3600};
constexpr int kMaxDoublings = 20;

Clock::duration scaled(std::chrono::seconds time, double least, double most, Random& random) {
  const std::chrono::duration<double> scaled = time * std::uniform_real_distribution<double>(least, most)(random);
  return std::chrono::duration_cast<Clock::duration>(scaled);
}

/// base x 2^doublings, at most cap.
std::chrono::seconds doubled(std::chrono::seconds base, int doublings, std::chrono::seconds cap) {
  return std::min(cap, base * (int64_t{1} << std::clamp(doublings, 0, kMaxDoublings)));
}

}  // namespace

Clock::duration first_sleep(std::chrono::seconds interval, Random& random) { return scaled(interval, 0.0, 1.0, random); }

Clock::duration poll_delay(std::chrono::seconds interval, int failures, std::optional<std::chrono::seconds> retry_after,
                           Random& random) {
  if (failures == 0) return scaled(interval, 0.9, 1.1, random);
  const auto base = std::max(interval / 16, std::chrono::seconds(1));
  const auto delay = scaled(doubled(base, failures - 1, interval), 0.75, 1.25, random);
  if (!retry_after) return delay;
  return std::max(delay, scaled(std::min(*retry_after, kLongestPause), 1.0, 1.25, random));
}

void Backoff::fail(Clock::time_point now, Random& random) {
  ++failures_;
  if (failures_ <= free_) return;
  until_ = now + scaled(doubled(base_, failures_ - free_ - 1, kLongestPause), 0.75, 1.25, random);
}

}  // namespace ops::updater
