#pragma once

// What processes have open, as /proc has it.

#include <vector>

#include "updater/process/processes.h"

namespace ops::updater {

struct HeldPipe {
  pid_t pid = 0;
  int fd = -1;
};

/// The ends of pipes that these processes may write to, and none of them reads from: whoever listened to what is printed
/// there, or still does, is somebody else.
std::vector<HeldPipe> pipes_out_of(const std::vector<Process>& processes);

}  // namespace ops::updater
