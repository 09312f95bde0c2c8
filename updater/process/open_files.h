#pragma once

// Open files of processes, read from /proc/PID/fd.

#include <vector>

#include "updater/process/processes.h"

namespace ops::updater {

/// A file descriptor of another process that is an end of a pipe.
struct PipeEnd {
  pid_t pid = 0;
  int fd = -1;
};

/// The write ends, held by these processes, of pipes that none of them reads: the reader is or was another process. Reads the
/// files of one process after another, so a pipe that is opened or closed during the call may be missing or wrong. Skips
/// processes whose files the caller may not read.
std::vector<PipeEnd> pipes_to_outside(const std::vector<Process>& processes);

}  // namespace ops::updater
