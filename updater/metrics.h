#pragma once

// The metrics of ops-updater: /metrics on its debug port, for Prometheus. meta/README.md lists them.

#include <string>
#include <vector>

#include "updater/model/report.h"

namespace ops::updater {

/// The metrics in Prometheus' text format. `agents` are the agents of this host.
std::string metrics_text(const std::vector<AgentReport>& agents, const PollCounts& polls);

}  // namespace ops::updater
