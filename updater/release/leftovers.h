#pragma once

// Removes what leftovers() (updater/model/plan.h) lists in an agent's folder.

#include "common/base/result.h"
#include "updater/model/layout.h"
#include "updater/model/plan.h"

namespace ops::updater {

/// Keeps a part of a release that failed (failed_release.h). Stops at the first entry that cannot be removed.
Result<void> remove_leftovers(const Layout& layout, const Observed& seen, int keep_versions);

}  // namespace ops::updater
