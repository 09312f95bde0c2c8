#pragma once

// The bounds of what ops-meta keeps of hosts, which send what they like. host_table.h says how each of them is applied.

#include <cstddef>

namespace ops::meta {

inline constexpr size_t kDefaultMaxHosts = 2'000'000;
inline constexpr size_t kBytesPerHost = 1024;   // on average, over all hosts that the table may hold
inline constexpr size_t kMaxStatuses = 16'384;  // different ones, phases included
inline constexpr size_t kMaxUpdaters = 4096;    // pairs of updaterVersion and platform
inline constexpr size_t kMaxAgentNames = 4096;
inline constexpr size_t kMaxReleases = 100'000;
inline constexpr size_t kMaxRemembered = 10'000;  // releases whose peak is remembered after no host reports them

}  // namespace ops::meta
