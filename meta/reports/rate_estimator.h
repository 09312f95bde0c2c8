#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <deque>

namespace ops::meta {

/// How fast a count grows, by what it was over the last minutes. Time is an argument.
class RateEstimator {
 public:
  using TimePoint = std::chrono::system_clock::time_point;

  explicit RateEstimator(std::chrono::seconds window) : window_(window) {}

  /// To be called now and then; a sample for each tenth of the window is kept.
  void note(uint64_t count, TimePoint now) {
    if (!samples_.empty() && now < samples_.back().at) samples_.clear();  // the clock was set back
    if (!samples_.empty() && now - samples_.back().at < window_ / 10) return;
    samples_.push_back({now, count});
    while (now - samples_.front().at > window_) samples_.pop_front();
  }

  /// Since the oldest sample; 0 before there is one, and when the count fell. Less than a tenth of the window is taken as that.
  double per_second(uint64_t count, TimePoint now) const {
    if (samples_.empty() || now <= samples_.front().at || count <= samples_.front().count) return 0;
    const std::chrono::duration<double> time = std::max<TimePoint::duration>(now - samples_.front().at, window_ / 10);
    return static_cast<double>(count - samples_.front().count) / time.count();
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
