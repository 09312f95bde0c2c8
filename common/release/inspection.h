#pragma once

// Checks a release before it is unpacked. A tarball comes from a network, and its code runs as root: it must not write outside
// its own folder, and must not fill the disk. ops-updater, ops-updater --try and ops-meta --check-release (which ./control
// publish calls) all use this check.
//
// Errors: a file that is not a .tar.gz; an absolute name or one with ".."; a name below a link of the same archive; a symbolic
// link that may lead out of the folder; a hard link to anything but an earlier file; a device or FIFO; two different entries
// with the same name; a limit that is exceeded; no plain file `control` at the top that its owner may execute and the kernel
// can run.
//
// Warnings, for a release that hosts accept but that may contain a packaging mistake: files that macOS adds; set-uid bits,
// capabilities and owners, which the updater restores only with `preserve` (updater/release/unpack.h). An owner causes a
// warning only when it differs from the owner of `control`.
//
// The check takes at most 64 MB of memory.

#include <cstdint>
#include <stop_token>
#include <string>
#include <vector>

#include "common/release/archive.h"

namespace ops {

struct ReleaseLimits {
  uint64_t max_size = uint64_t{8} << 30;  // bytes of all files, unpacked, with holes
  uint64_t max_entries = 100'000;         // with the folders that only names imply
  uint64_t max_ratio = 200;               // size of the tar (without holes) / size of the .tar.gz
};

struct ReleaseFindings {
  uint64_t room_needed = 0;  // bytes on disk; even an empty file takes a block
  std::string control;       // the text of `control`, up to 64 KiB
  std::vector<std::string> warnings;
  std::vector<std::string> lost;  // the part of `warnings` about attributes that the updater does not restore
};

/// Reads the whole .tar.gz. nullopt when the updater may unpack it.
ReleaseOutcome inspect_release(const std::string& tarball, const ReleaseLimits& limits, const std::stop_token& cancel,
                               ReleaseFindings& findings);

}  // namespace ops
