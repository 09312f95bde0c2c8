#pragma once

// Tests do not sleep for a fixed time. They wait for a condition, with a deadline.

#include <chrono>
#include <functional>

namespace ops::tests {

/// Returns true as soon as the condition is true, or false at the deadline. Checks every 10 ms. The default leaves room for a
/// machine that is many times slower than usual; a test that passes does not wait that long.
bool eventually(const std::function<bool()>& condition, std::chrono::milliseconds deadline = std::chrono::seconds(60));

/// Returns true when the condition is true at every check during `span`. Prefer to wait for a later event, like a heartbeat,
/// and to check the condition after it.
bool always(const std::function<bool()>& condition, std::chrono::milliseconds span);

}  // namespace ops::tests
