#pragma once

// Reads an agent's state from the disk and runs its `./control status`. Nothing is cached.
//
// If another user may write to the agent's folder or to the updater's own, the agent is held with that reason and its ./control
// is not run: a script of another user would run as root.

#include <chrono>
#include <stop_token>
#include <string>
#include <vector>

#include "updater/model/layout.h"
#include "updater/model/plan.h"
#include "updater/process/control_script.h"

namespace ops::updater {

/// Reads one agent, installed or not, from the disk. Does not run its ./control. Returns an error if the host failed to read a
/// part of it: a partial result must not lead to a decision.
Result<Observed> read_agent(const Layout& layout, const std::string& name);

/// Like read_agent(), and also runs `./control status`, which may take `deadline`.
Result<Observed> observe_agent(const Layout& layout, const std::string& name, const std::stop_token& cancel,
                               std::chrono::seconds deadline = kStatusDeadline);

/// Runs `./control status` of one version. Returns its output as one line (status_line()), or the error.
std::string status_of(const Layout& layout, const std::string& name, const std::string& version, const std::stop_token& cancel,
                      std::chrono::seconds deadline = kStatusDeadline);

/// Waits for a `./control start` or `stop` of this agent that an earlier updater started and that still runs after the end of
/// that updater: a second start beside it could start the agent twice. After `patience`, ends the script's process group with
/// terminate(), as the earlier updater would have done. The note (script_note.h) identifies the script, and is then removed.
/// If the earlier updater ended before it noted the pid, the script is found in /proc, waited for and never ended.
void await_earlier_script(const Layout& layout, const std::string& name, std::chrono::milliseconds patience,
                          const std::stop_token& cancel);

}  // namespace ops::updater
