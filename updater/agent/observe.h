#pragma once

// Looks at the disk and asks every agent's ./control for its status. What was seen before is never trusted.
//
// An agent whose folder, or the updater's own, can be written by others is held, with that as the reason, and its ./control is
// not run: it might be theirs, and would run as root.

#include <chrono>
#include <stop_token>
#include <string>
#include <vector>

#include "updater/model/layout.h"
#include "updater/model/plan.h"

namespace ops::updater {

/// The names of all agents: folders with a .version, sorted.
std::vector<std::string> installed_agents(const Layout& layout);

/// What the disk says of one agent, whether it is installed or not; its ./control is not asked. An error when the host failed
/// to read some of it: what is not seen then may be there all the same, and nothing is to be concluded.
Result<Observed> read_agent(const Layout& layout, const std::string& name);

/// One agent, its status included.
Result<Observed> observe_agent(const Layout& layout, const std::string& name, const std::stop_token& cancel);

/// What `./control status` says for one version: its output as status_line has it, or why there is none.
std::string status_of(const Layout& layout, const std::string& name, const std::string& version, const std::stop_token& cancel);

/// Waits for a `./control start` or `stop` of this agent that an updater before this one began and did not live to see end:
/// to start what is about to come up would make two of it. After `patience` the script's process group is killed, as its own
/// updater would have done. (The script is told by what it looks like in /proc. A note on the disk was rejected: none can be
/// written in the very instant in which the script begins.)
void await_earlier_script(const Layout& layout, const std::string& name, std::chrono::milliseconds patience,
                          const std::stop_token& cancel);

}  // namespace ops::updater
