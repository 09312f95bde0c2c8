#include "tests/fleet/histogram.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace ops::fleet {

namespace {

constexpr int64_t kLongest = int64_t{3600} * 1000 * 1000;

}  // namespace

// Below 2^kSubBits a bucket is a microsecond; above, each power of two has 2^kSubBits buckets.
void Histogram::add(int64_t microseconds) {
  const auto value = static_cast<uint64_t>(std::clamp<int64_t>(microseconds, 0, kLongest));
  const int range = std::max(0, static_cast<int>(std::bit_width(value)) - kSubBits - 1);
  ++buckets_[(static_cast<size_t>(range) << kSubBits) + (value >> range)];
  ++count_;
  max_ = std::max(max_, static_cast<int64_t>(value));
}

void Histogram::add(const Histogram& other) {
  for (size_t i = 0; i < buckets_.size(); ++i) buckets_[i] += other.buckets_[i];
  count_ += other.count_;
  max_ = std::max(max_, other.max_);
}

int64_t Histogram::percentile(double share) const {
  if (count_ == 0) return 0;
  const auto wanted = std::max<uint64_t>(1, static_cast<uint64_t>(std::ceil(share * static_cast<double>(count_))));
  uint64_t seen = 0;
  for (size_t i = 0; i < buckets_.size(); ++i) {
    seen += buckets_[i];
    if (seen < wanted) continue;
    if (i < (size_t{2} << kSubBits)) return std::min(static_cast<int64_t>(i), max_);
    const size_t range = (i >> kSubBits) - 1;
    const size_t in_range = i - (range << kSubBits);
    return std::min(static_cast<int64_t>(((in_range + 1) << range) - 1), max_);
  }
  return max_;
}

}  // namespace ops::fleet
