#include "updater/model/schedule.h"

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

/// The longer of `delay` and the server's Retry-After.
Clock::duration at_least(std::optional<std::chrono::seconds> retry_after, Clock::duration delay, Random& random) {
  return retry_after ? std::max(delay, scaled(std::min(*retry_after, kLongestPause), 1.0, 1.5, random)) : delay;
}

}  // namespace

Clock::duration first_sleep(std::chrono::seconds interval, std::chrono::seconds uptime, Random& random) {
  return scaled(uptime < kBootTime ? interval : std::min(kPromptStart, interval), 0.0, 1.0, random);
}

Clock::duration poll_delay(std::chrono::seconds interval, int failures, std::optional<std::chrono::seconds> retry_after,
                           Random& random) {
  if (failures == 0) return scaled(interval, 0.9, 1.1, random);
  const auto base = std::max(interval / 16, std::chrono::seconds(1));
  return at_least(retry_after, scaled(doubled(base, failures - 1, interval), 0.75, 1.25, random), random);
}

Clock::duration server_stay(std::chrono::seconds interval, Random& random) { return scaled(interval * 10, 0.9, 1.1, random); }

void Polling::sent(Clock::time_point now) {
  next_ = Clock::time_point::max();
  sent_at_ = now;
  asked_by_user_ = false;
  asked_by_operator_ = false;
  has_changes_ = false;
}

void Polling::answered(std::chrono::seconds own, std::chrono::seconds asked, Clock::time_point now, Random& random) {
  failures_ = 0;
  meta_interval_ = asked;
  next_ = now + poll_delay(asked.count() > 0 ? asked : own, 0, std::nullopt, random);
}

void Polling::failed(std::chrono::seconds own, std::optional<std::chrono::seconds> retry_after, Clock::time_point now,
                     Random& random) {
  const auto interval = meta_interval_.count() > 0 ? meta_interval_ : own;
  next_ = now + poll_delay(interval, ++failures_, retry_after, random);
}

void Backoff::fail(Clock::time_point now, Random& random, std::optional<std::chrono::seconds> retry_after) {
  ++failures_;
  if (failures_ <= free_) return;
  const auto pause = scaled(doubled(base_, failures_ - free_ - 1, kLongestPause), 0.75, 1.25, random);
  until_ = now + at_least(retry_after, pause, random);
}

}  // namespace ops::updater
