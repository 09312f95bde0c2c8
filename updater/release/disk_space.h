#pragma once

// Free disk space, checked before the updater downloads or unpacks a release.

#include <cstdint>
#include <string>

#include "common/base/result.h"

namespace ops::updater {

/// An error when the disk of `path`, which must exist, has less than `needed` + `reserve` bytes free for this process.
Result<void> check_disk_space(const std::string& path, uint64_t needed, uint64_t reserve);

}  // namespace ops::updater
