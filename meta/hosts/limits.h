#pragma once

// The limits of what ops-meta stores about hosts: a host can send any text. host_table.h says how each limit is applied.

#include <cstddef>

namespace ops::meta {

inline constexpr size_t kDefaultMaxHosts = 2'000'000;
inline constexpr size_t kBytesPerHost = 1024;      // average over the hosts that the table may hold
inline constexpr size_t kMostBytesPerHost = 8192;  // the errors of a host's updates are cut to fit
inline constexpr size_t kUpdatesOfFullTable = 16;  // of a host, when the table has no room for more
inline constexpr size_t kMaxStatuses = 16'384;     // different texts, phases included
inline constexpr size_t kMaxUpdaters = 4096;       // different pairs of updaterVersion and platform
inline constexpr size_t kMaxAgentNames = 4096;     // different names
inline constexpr size_t kMaxReleases = 100'000;    // different ones
inline constexpr size_t kMaxRemembered = 10'000;   // releases that no host reports any more, whose peak is kept

}  // namespace ops::meta
