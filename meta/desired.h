#pragma once

// What should run on a host, by the config alone: a pure function.

#include <string_view>
#include <vector>

#include "common/heartbeat.h"
#include "meta/config.h"

namespace ops::meta {

/// All of an agent's overrides whose prefix the hostname starts with apply, in the order of the config: a field that is not
/// "" replaces what stood before (the original's rule).
DesiredAgent resolve(const AgentConfig& agent, std::string_view hostname);

/// Every configured agent, in the order of the config.
std::vector<DesiredAgent> desired_agents(const Config& config, std::string_view hostname);

}  // namespace ops::meta
