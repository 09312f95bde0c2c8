#pragma once

// Carries out a decision of plan() for one agent, on the disk and through its ./control. If a step fails or the updater ends
// in between, plan() can continue from the state on the disk. Two versions of an agent never run at once, and .version always
// names a complete folder.

#include <stop_token>
#include <string>

#include "common/base/result.h"
#include "updater/agent/version_control.h"
#include "updater/model/layout.h"
#include "updater/model/plan.h"

namespace ops::updater {

/// Carries out decision.action. `seen` and `desired` are the values that plan() decided on. Returns an error if a step failed,
/// also if the switch failed and the rollback succeeded. Blocks for as long as the scripts run; `cancel` ends the waiting.
Result<void> carry_out(const Decision& decision, const Observed& seen, const DesiredAgent* desired, const Layout& layout,
                       const SwitchSettings& settings, const std::stop_token& cancel);

}  // namespace ops::updater
