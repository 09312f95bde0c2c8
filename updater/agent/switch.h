#pragma once

// Carries out what plan() decided for one agent, on the disk and through its ./control. Each function runs to its end or
// stops in a state that plan() knows how to go on from; at no instant do two versions of an agent run, and .version always
// names a folder that is whole.

#include <chrono>
#include <stop_token>
#include <string>

#include "common/base/result.h"
#include "updater/model/layout.h"
#include "updater/model/plan.h"

namespace ops::updater {

struct SwitchSettings {
  std::chrono::seconds control_timeout{60};
  std::chrono::seconds probation{30};
  int keep_versions = 2;
};

/// Does decision.action for the agent as it was just seen. `desired` is the one that plan() got. An error says what failed;
/// when a switch failed and was rolled back, that is an error too.
Result<void> carry_out(const Decision& decision, const Observed& seen, const DesiredAgent* desired, const Layout& layout,
                       const SwitchSettings& settings, const std::stop_token& cancel);

}  // namespace ops::updater
