#pragma once

// Runs work that starts processes, and reaps its orphans: ended processes whose parent ended before them.

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

/// Whether the kernel makes this process the parent of orphans: it is PID 1 of a container, or a wrapper made it a subreaper.
/// An orphan that it does not reap stays a zombie, which many a ./control takes for a running agent.
bool adopts_orphans();

/// Runs `work` in a child process, reaps all other children meanwhile, and returns as run_in_subreaper() does. Passes SIGTERM,
/// SIGINT and SIGHUP on to the work. Its descendants run on (until PID 1 of a container ends). Without a process for the
/// work, it runs in this process, and orphans stay zombies.
/// Call it while the process has only one thread.
///
/// (To reap in the process of the work was rejected: the children that it waits for have to be told from orphans, and a child
/// can end before the work knows its pid.)
int run_below_reaper(const std::function<int()>& work);

}  // namespace ops::updater
