#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <deque>

namespace ops::meta {

/// Estimates the rate at which a count grows, from samples over a window of time.
class RateEstimator {
 public:
  using TimePoint = std::chrono::system_clock::time_point;

  explicit RateEstimator(std::chrono::seconds window) : window_(window) {}

  /// Adds a sample. To be called at any interval; one sample per tenth of the window is stored.
  void note(uint64_t count, TimePoint now) {
    if (!samples_.empty() && now < samples_.back().at) samples_.clear();  // the clock was set back
    if (!samples_.empty() && now - samples_.back().at < window_ / 10) return;
    samples_.push_back({now, count});
    while (now - samples_.front().at > window_) samples_.pop_front();
  }

  /// Since the oldest sample; 0 without a sample, and if the count fell. A time below a tenth of the window counts as a tenth.
  double per_second(uint64_t count, TimePoint now) const {
    if (samples_.empty() || now <= samples_.front().at || count <= samples_.front().count) return 0;
    const std::chrono::duration<double> time = std::max<TimePoint::duration>(now - samples_.front().at, window_ / 10);
    return static_cast<double>(count - samples_.front().count) / time.count();
  }

  /// The time over which per_second() measures.
  std::chrono::seconds measured(TimePoint now) const {
    const auto time = samples_.empty() ? TimePoint::duration(0) : now - samples_.front().at;
    return std::chrono::ceil<std::chrono::seconds>(std::max<TimePoint::duration>(time, window_ / 10));
  }

 private:
  struct Sample {
    TimePoint at;
    uint64_t count;
  };
  std::chrono::seconds window_;
  std::deque<Sample> samples_;
};

}  // namespace ops::meta
