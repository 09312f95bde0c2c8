#pragma once

// Judges a release before a byte of it is unpacked. A tarball is code that will run as root, but it is also bytes from a
// network: it must not write outside its own folder, nor fill the disk. ops-updater judges so before it unpacks, and so do
// ops-updater --try and ops-meta --check-release, which ./control publish calls.
//
// Refused: what is no .tar.gz, absolute names, "..", names below a link of the same archive, symbolic links that may lead out
// of the folder, hard links to anything but a file that came before, devices, FIFOs, two different things of one name, what is
// over a limit, and a release without a plain file `control` at its top that its owner may execute and a kernel can run.
//
// It takes no more than 64 MB of memory, whatever the tarball holds.
//
// A warning is for what hosts take and the packer may not have meant: files of macOS, and set-uid bits, capabilities and
// owners, which are not restored. An owner counts as meant when it is not the owner of `control`.

#include <cstdint>
#include <stop_token>
#include <string>
#include <vector>

#include "common/release/archive.h"

namespace ops {

struct ReleaseLimits {
  uint64_t max_size = uint64_t{8} << 30;  // bytes of all files, unpacked, holes included
  uint64_t max_entries = 100'000;         // folders that are only implied by names included
  uint64_t max_ratio = 200;               // of the tar's size, in which holes take no room, to the packed size
};

struct ReleaseFindings {
  uint64_t room_needed = 0;  // bytes on a disk, where even an empty file takes a block
  std::string control;       // its text, or as much of it as is looked at
  std::vector<std::string> warnings;
};

/// Reads the whole .tar.gz. nullopt when an updater may unpack it.
ReleaseOutcome inspect_release(const std::string& tarball, const ReleaseLimits& limits, const std::stop_token& cancel,
                               ReleaseFindings& findings);

}  // namespace ops
