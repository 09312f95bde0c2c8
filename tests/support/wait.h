#pragma once

// Tests never sleep for a guessed time: they wait for a condition, with a deadline.

#include <chrono>
#include <functional>

namespace ops::tests {

/// True as soon as the condition is; false when it isn't by the deadline. Asks every 10 ms.
bool eventually(const std::function<bool()>& condition, std::chrono::milliseconds deadline = std::chrono::seconds(20));

/// True when the condition holds all the time; for what must not happen.
bool always(const std::function<bool()>& condition, std::chrono::milliseconds span);

}  // namespace ops::tests
