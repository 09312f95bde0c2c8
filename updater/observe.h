#pragma once

// Looks at the disk and asks every agent's ./control for its status. What was seen before is never trusted.

#include <stop_token>
#include <string>
#include <vector>

#include "updater/layout.h"
#include "updater/plan.h"

namespace ops::updater {

/// The names of all agents: folders with a .version, sorted.
std::vector<std::string> installed_agents(const Layout& layout);

/// One agent, whether it is installed or not.
Observed observe_agent(const Layout& layout, const std::string& name, const std::stop_token& cancel);

/// What `./control status` says for one version: its output, or why there is none.
std::string status_of(const Layout& layout, const std::string& name, const std::string& version, const std::stop_token& cancel);

}  // namespace ops::updater
