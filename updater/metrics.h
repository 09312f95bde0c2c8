#pragma once

// ops-updater's metrics: /metrics on its debug port, for Prometheus. README.md lists them. Pure.

#include <string>
#include <vector>

#include "updater/model/report.h"

namespace ops::updater {

/// In Prometheus' text format. Their labels are the agents of this host.
std::string metrics_text(const std::vector<AgentReport>& agents, const PollCounts& polls);

}  // namespace ops::updater
