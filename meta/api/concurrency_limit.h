#pragma once

#include <atomic>
#include <memory>

namespace ops::meta {

/// Limits how many operations run at the same time. Each takes a slot, and frees it with the last copy of the pointer that
/// take() returned. The limit must outlive these pointers. Thread-safe.
class ConcurrencyLimit {
 public:
  /// nullptr when `limit` slots are taken.
  std::shared_ptr<void> take(size_t limit) {
    if (taken_.fetch_add(1) >= limit) {
      --taken_;
      return nullptr;
    }
    return {this, [](ConcurrencyLimit* self) { --self->taken_; }};
  }

  size_t taken() const { return taken_; }

 private:
  std::atomic<size_t> taken_ = 0;
};

}  // namespace ops::meta
