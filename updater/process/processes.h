#pragma once

// Finds processes of this host in /proc, and ends them when an agent's ./control cannot end them.
//
// Each call reads /proc once, process by process, and is no snapshot: processes that start or end during the call may be
// missing from the result or may be gone already. The kernel reuses pids, so a pid from these functions can belong to another
// process later. Zombies count as ended. Files of /proc that cannot be read (without root: those of other users) are skipped.
// Init (pid 1) is never returned.

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>
#include <vector>

namespace ops::updater {

struct Process {
  pid_t pid = 0;
  pid_t parent = 0;
  uint64_t start_ticks = 0;  // clock ticks from boot to its start; distinguishes processes with the same reused pid

  bool operator==(const Process&) const = default;
};

/// All children of this process, their children, and so on, sorted by pid. A process whose parent has ended belongs to its
/// subreaper (see subreaper.h), else to init.
std::vector<Process> descendants_of(pid_t ancestor);

/// "pid 123 (sleep)" for messages; "pid 123 (ended)" if the process is gone.
std::string describe(pid_t pid);

/// The processes whose working directory or program lies in this folder or below it. Without the caller, and without processes
/// that have a controlling terminal: an operator works there. A process with another mount namespace counts if its path leads
/// to the same device and inode: it does not in a container that has a folder of the same name. (Only processes of the
/// updater's own namespace were rejected: systemd gives a unit with PrivateTmp= a new one at each start, and its agents keep
/// the old one.) If the folder was removed, its processes are those that still run from it.
std::vector<pid_t> processes_in(const std::string& folder);

/// Those of the processes_in() this folder whose working directory, or the folder of their program, was removed.
std::vector<pid_t> removed_processes_in(const std::string& folder);

/// Ends processes: sends SIGTERM to each target, and SIGKILL to those that are left 2 s later. `find_targets` returns the
/// targets that still run, as kill(2) takes them: a pid, or -N for the process group N. It is called every 20 ms, because a
/// process that is being ended may start another one. Each target gets each of the two signals once.
/// Returns true when no target is left. Returns false if targets are left after 4 s, or when `cancel` is requested.
bool terminate(const std::function<std::vector<pid_t>()>& find_targets, const std::stop_token& cancel);

/// Ends the processes_in() this folder with terminate(). Returns true if none of them is left.
bool end_processes_in(const std::string& folder, const std::stop_token& cancel);

/// Clock ticks since the boot, as in Process::start_ticks.
uint64_t ticks_since_boot();

/// The start of a process, also of a zombie; 0 if there is none.
uint64_t start_ticks_of(pid_t pid);

/// Whether this very process, by pid and start_ticks, runs and leads a session, as the updater's scripts do.
bool is_running_script(const Process& script);

/// The pid of a `./control start` or `./control stop` for any version of this agent that started at `since` ticks or later; -1
/// if none runs. The updater makes its scripts session leaders. A command that an operator types into a shell is no session
/// leader. The result may also be an agent that is a fork of its control script: do not end it.
pid_t find_control_script(const std::string& agent_folder, uint64_t since);

}  // namespace ops::updater
