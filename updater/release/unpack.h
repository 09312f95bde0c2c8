#pragma once

// Unpacks a release after inspect_release() (common/release/inspection.h) has accepted all of it. All files belong to the
// updater's user. Set-uid, set-gid and sticky bits and write permission for group and others are not restored.

#include "common/release/inspection.h"

namespace ops::updater {

struct UnpackLimits : ReleaseLimits {
  uint64_t reserve = uint64_t{32} << 20;  // bytes of the disk that must stay free
};

/// Unpacks the .tar.gz into `folder`, which must be empty or missing, and syncs every file. nullopt is success. After an error
/// `folder` may hold a part of the release: the caller removes it.
ReleaseOutcome unpack(const std::string& tarball, const std::string& folder, const UnpackLimits& limits,
                      const std::stop_token& cancel);

}  // namespace ops::updater
