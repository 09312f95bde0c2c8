#pragma once

#include <string>

#include "meta/config/config.h"
#include "meta/hosts/host_table.h"

namespace ops::meta {

/// Says that neither the config names this agent nor any host reports it, with the names that are known; "" when it is known.
/// It looks at no host.
std::string unknown_agent(const std::string& agent, const Config& config, const HostTable& hosts);

}  // namespace ops::meta
