#include "tests/support/wait.h"

#include <poll.h>

namespace ops::tests {

namespace {

constexpr int kTick = 10;  // milliseconds

}  // namespace

bool eventually(const std::function<bool()>& condition, std::chrono::milliseconds deadline) {
  const auto end = std::chrono::steady_clock::now() + deadline;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    ::poll(nullptr, 0, kTick);
  }
  return true;
}

bool always(const std::function<bool()>& condition, std::chrono::milliseconds span) {
  return !eventually([&] { return !condition(); }, span);
}

}  // namespace ops::tests
