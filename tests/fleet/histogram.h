#pragma once

// A histogram of times. A bucket is at most 1.6 % wide, and all buckets take 15 kB.

#include <array>
#include <cstddef>
#include <cstdint>

namespace ops::fleet {

class Histogram {
 public:
  /// Counts a negative time as 0 and a time above one hour as one hour.
  void add(int64_t microseconds);
  void add(const Histogram& other);

  uint64_t count() const { return count_; }
  /// Microseconds; 0 for an empty histogram. `share` is 0 to 1, like 0.99 for p99.
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
