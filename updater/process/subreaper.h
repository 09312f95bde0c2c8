#pragma once

// Runs work that starts processes, and ends all of them afterwards.

#include <functional>

namespace ops::updater {

/// Runs `work` in a child process and returns its exit code, or 128 + N if signal N ended it, or 127 if fork() failed.
/// Before it returns, it ends all descendants of the work with SIGKILL; it gives up after 10 s.
///
/// This process is a subreaper (PR_SET_CHILD_SUBREAPER): the kernel makes it the parent of orphans, also of daemons with their
/// own session, so they stay its descendants. It reaps them at once, as init does.
/// SIGTERM, SIGINT and SIGHUP end the work early. If this process gets SIGKILL, the work ends, but its descendants run on.
/// Call it while the process has only one thread and no other children: it forks, and it reaps and ends all children.
///
/// (A pid namespace was rejected: it needs root.)
int run_in_subreaper(const std::function<int()>& work);

}  // namespace ops::updater
