#pragma once

// Unpacks a release. A tarball is code that will run as root, but it is also bytes from a network: it must not write a byte
// outside its own folder, nor fill the disk. The whole archive is read and judged before anything is written.
//
// Refused: absolute names, "..", names below a link of the same archive, symbolic links that may lead out of the folder, hard
// links to anything but a file that came before, devices, FIFOs, two different things of one name, and what is over a limit.
// Owners are not restored, nor set-uid, set-gid and sticky bits, nor write permission for group and others. A release must
// have a plain file `control` at its top that its owner may execute.

#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>

#include "common/result.h"

namespace ops::updater {

struct UnpackLimits {
  uint64_t max_size = uint64_t{8} << 30;  // bytes of all files, unpacked
  uint64_t max_entries = 100'000;
  uint64_t max_ratio = 200;               // unpacked to packed size
  uint64_t reserve = uint64_t{32} << 20;  // bytes of the disk that must stay free
};

/// What a refusal is about: the release (trying again is of no use before it changes) or this host, now.
enum class UnpackFault { release, host };

struct UnpackError {
  UnpackFault fault;
  Error error;
};

/// Unpacks the .tar.gz into `folder`, which must be empty or missing, and syncs every file. nullopt is success; after an
/// error the folder holds parts and is to be removed.
std::optional<UnpackError> unpack(const std::string& tarball, const std::string& folder, const UnpackLimits& limits,
                                  const std::stop_token& cancel);

}  // namespace ops::updater
