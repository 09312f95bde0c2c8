#pragma once

// Runs something that begins processes, so that none of them outlives it.

#include <functional>

namespace ops::updater {

/// Runs `work` in a child process and returns its exit code, or 128 + N after signal N. Before it returns, every process that
/// came of the work has been ended with SIGKILL, wherever it went: orphans and daemons with a session of their own are still
/// descendants of this process, to which the kernel gives them (PR_SET_CHILD_SUBREAPER). SIGTERM, SIGINT and SIGHUP end the
/// work early; only SIGKILL leaves something behind. To be called before any thread is made.
///
/// It is also the init that daemons expect: their zombies are gone at once. (A pid namespace was rejected: it takes root.)
int run_in_subreaper(const std::function<int()>& work);

}  // namespace ops::updater
