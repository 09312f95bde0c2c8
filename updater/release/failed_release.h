#pragma once

// What is left of a release that failed: its files, above all the agent's logs, for the operator's search for the reason.

#include <cstdint>
#include <string>

#include "common/base/result.h"

namespace ops::updater {

inline constexpr uint64_t kMaxFailedRelease = 10 << 20;  // bytes

/// Moves the folder of a release that failed to `kept` (Layout::failed), which is replaced. Then removes files until at most
/// `limit` bytes are left, the least recently changed first. Of a file that the agent wrote and that does not fit, the end is
/// kept. No process may use the folder any more.
Result<void> keep_failed_release(const std::string& folder, const std::string& kept, uint64_t limit = kMaxFailedRelease);

}  // namespace ops::updater
