#pragma once

// Tests never sleep for a guessed time: they wait for a condition, with a deadline.

#include <chrono>
#include <functional>

namespace ops::tests {

/// Returns true as soon as the condition holds, and false when it does not hold by the deadline. Checks every 10 ms. The
/// default leaves room for a machine that is many times slower than usual; a test that passes does not wait for it.
bool eventually(const std::function<bool()>& condition, std::chrono::milliseconds deadline = std::chrono::seconds(60));

/// True when the condition holds all the time; for what must not happen.
bool always(const std::function<bool()>& condition, std::chrono::milliseconds span);

}  // namespace ops::tests
