#pragma once

// The host's processes, as /proc has them: for when an agent's ./control can't be asked.

#include <sys/types.h>

#include <cstdint>
#include <stop_token>
#include <string>
#include <vector>

namespace ops::updater {

struct Process {
  pid_t pid = 0;
  pid_t parent = 0;
  uint64_t started = 0;  // ticks since boot: a pid is given away again

  bool operator==(const Process&) const = default;
};

/// All that came of this process and still runs, orphans left out; by pid.
std::vector<Process> descendants_of(pid_t ancestor);

/// "pid 123 (sleep)", for whoever will look for it.
std::string describe(pid_t pid);

/// The processes that work in this folder or below, or run a program from there. Those at a terminal are an operator's, who is
/// looking around, and left out.
std::vector<pid_t> processes_in(const std::string& folder);

/// SIGTERM to all of them, SIGKILL 2 s later. True when none is left.
bool end_processes_in(const std::string& folder, const std::stop_token& cancel);

/// The pid of a running `./control start` or `stop` of any version of an agent; -1 when there is none. An updater makes its
/// scripts leaders of sessions, which what an operator types into a shell is not.
pid_t find_control_script(const std::string& agent_folder);

}  // namespace ops::updater
