#pragma once

// The highest generation that the replies of ops-meta had (heartbeat.h). The updater keeps it on the disk, so that it does not
// obey an older generation after a restart.

#include <cstdint>

#include "common/base/result.h"

namespace ops::updater {

inline constexpr char kGenerationFile[] = "var/app.generation";

/// 0 if the file is missing or contains no number.
int64_t saved_generation();

/// Replaces the file durably.
Result<void> save_generation(int64_t generation);

}  // namespace ops::updater
