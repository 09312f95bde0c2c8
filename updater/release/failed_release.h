#pragma once

// Keeps files of a release that failed, above all the agent's logs, so that an operator can find the reason.

#include <cstdint>
#include <string>

#include "common/base/result.h"

namespace ops::updater {

inline constexpr uint64_t kMaxFailedRelease = 10 << 20;  // bytes

/// Moves the folder of a release that failed to `kept` (Layout::failed), and replaces a folder there. Then removes files until
/// at most `limit` bytes are left, the least recently changed first. Keeps the end of a file that the agent wrote and that does
/// not fit. No process may use the folder any more.
Result<void> keep_failed_release(const std::string& folder, const std::string& kept, uint64_t limit = kMaxFailedRelease);

}  // namespace ops::updater
