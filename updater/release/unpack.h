#pragma once

// Unpacks a release, after inspection.h judged all of it. Owners are not restored, nor set-uid, set-gid and sticky
// bits, nor write permission for group and others.

#include "common/release/inspection.h"

namespace ops::updater {

struct UnpackLimits : ReleaseLimits {
  uint64_t reserve = uint64_t{32} << 20;  // bytes of the disk that must stay free
};

/// Unpacks the .tar.gz into `folder`, which must be empty or missing, and syncs every file. nullopt is success; after an
/// error the folder holds parts and is to be removed.
ReleaseOutcome unpack(const std::string& tarball, const std::string& folder, const UnpackLimits& limits,
                      const std::stop_token& cancel);

}  // namespace ops::updater
