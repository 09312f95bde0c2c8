#pragma once

// Times, counted in buckets that are at most 1.6 % wide, so that millions of them cost 15 kB.

#include <array>
#include <cstddef>
#include <cstdint>

namespace ops::fleet {

class Histogram {
 public:
  /// Negative counts as 0, more than an hour as an hour.
  void add(int64_t microseconds);
  void add(const Histogram& other);

  uint64_t count() const { return count_; }
  /// Microseconds; 0 when nothing was counted. `share` is of 0 … 1: 0.99 for p99.
  int64_t percentile(double share) const;
  int64_t max() const { return max_; }

 private:
  static constexpr int kSubBits = 6;
  static constexpr int kRanges = 27;  // 2^32 µs are more than an hour

  std::array<uint64_t, size_t{kRanges + 1} << kSubBits> buckets_{};
  uint64_t count_ = 0;
  int64_t max_ = 0;
};

}  // namespace ops::fleet
