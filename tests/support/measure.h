#pragma once

// What a daemon under test costs: memory and time.

#include <sys/types.h>

#include <functional>

namespace ops::tests {

/// Sanitizers keep freed memory and slow everything down: limits of memory and time are not asserted under them.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool kSanitized = true;
#else
inline constexpr bool kSanitized = false;
#endif

/// The limit, in seconds, for an action that waits for no deadline. It is below the 10 s that ops-meta gives a client for its
/// request, and leaves room for a machine that is many times slower than usual.
inline constexpr double kAtOnce = 9;

/// The process's VmRSS in kB; 0 when it is gone.
long rss_kb(pid_t pid);

/// Expects that so many kB more are no growth (8 MB).
void expect_flat(long growth_kb);

double seconds_of(const std::function<void()>& work);

}  // namespace ops::tests
