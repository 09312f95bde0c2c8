#pragma once

#include <atomic>
#include <memory>

namespace ops::meta {

/// What only so many may have at a time: a slot is free again with the last copy of what take() gave. It outlives them.
class ConcurrencyLimit {
 public:
  /// nullptr when `limit` are taken.
  std::shared_ptr<void> take(size_t limit) {
    if (taken_.fetch_add(1) >= limit) {
      --taken_;
      return nullptr;
    }
    return {this, [](ConcurrencyLimit* slots) { --slots->taken_; }};
  }

  size_t taken() const { return taken_; }

 private:
  std::atomic<size_t> taken_ = 0;
};

}  // namespace ops::meta
