#pragma once

// A note on the disk of the `./control start` or `stop` that the updater runs for an agent. After a restart of the updater the
// note tells that script from the agent: an agent may be a fork of its control script, with the same command line and folder,
// and a session of its own. (To recognize the script by these was rejected: the updater ended such agents.)
//
// The file contains "PID START_TICKS\n" (see Process) while the script runs, and "0 TICKS\n" before the script has a pid: the
// updater may end between both. No fsync: no script outlives the host.

#include <optional>
#include <string>

#include "updater/process/processes.h"

namespace ops::updater {

/// A pid of 0: the script started at `start_ticks` or later, or never.
std::optional<Process> read_script_note(const std::string& path);

/// The note of one run_control(). Without a path it does nothing. A note that cannot be written is no reason to leave an agent
/// stopped: the log gets a warning.
class ScriptNote {
 public:
  /// Notes that a script will start.
  explicit ScriptNote(std::string path);
  void started(pid_t script) const;
  /// The script has ended, or was never started. Without this call the note stays.
  void ended() const;

 private:
  void write(const Process& script) const;

  const std::string path_;
};

}  // namespace ops::updater
