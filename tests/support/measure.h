#pragma once

// The memory and time that a daemon under test uses.

#include <sys/types.h>

#include <functional>

namespace ops::tests {

/// Sanitizers keep freed memory and slow programs down, so tests assert no limits of memory and speed under them.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool kSanitized = true;
#else
inline constexpr bool kSanitized = false;
#endif

/// The limit, in seconds, for an action that waits for no deadline. It is below the 10 s that ops-meta gives a client for its
/// request, and leaves room for a machine that is many times slower than usual.
inline constexpr double kAtOnce = 9;

/// The process's VmRSS in kB; 0 when the process does not exist.
long rss_kb(pid_t pid);

/// Expects that the memory grew by less than 8 MB.
void expect_flat(long growth_kb);

/// The wall time that `work` takes, in seconds.
double seconds_of(const std::function<void()>& work);

}  // namespace ops::tests
