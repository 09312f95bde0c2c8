#pragma once

#include <string>

#include "meta/config/config.h"
#include "meta/hosts/host_table.h"

namespace ops::meta {

/// The error for an agent that the config does not have and no host reports, with the known names; "" if the agent is known.
/// Takes no time per host.
std::string unknown_agent(const std::string& agent, const Config& config, const HostTable& hosts);

}  // namespace ops::meta
