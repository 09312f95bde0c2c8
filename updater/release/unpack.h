#pragma once

// Unpacks a release after inspect_release() (common/release/inspection.h) has accepted all of it.
//
//   attribute                                   usual                     with `preserve`
//   owner and group                             those of the updater      by name if the host has it, else by number, as tar
//   set-uid, set-gid and sticky bit             dropped                   kept
//   write permission of group and others        dropped                   kept
//   capabilities (security.capability)          dropped                   kept
//   other extended attributes, ACLs             dropped                   dropped
//
// control and the release's own folder are always as usual: root runs control.

#include "common/release/inspection.h"

namespace ops::updater {

struct UnpackOptions : ReleaseLimits {
  uint64_t reserve = uint64_t{32} << 20;  // bytes of the disk that must stay free
  bool preserve = false;                  // see the table above
};

/// Unpacks the .tar.gz into `folder`, which must be empty or missing, and syncs every file. nullopt is success. After an error
/// `folder` may hold a part of the release: the caller removes it. Logs a warning for the attributes that it drops.
ReleaseOutcome unpack(const std::string& tarball, const std::string& folder, const UnpackOptions& options,
                      const std::stop_token& cancel);

}  // namespace ops::updater
