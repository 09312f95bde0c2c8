#pragma once

// ops-updater --try TARBALL, for those who write agents: puts a release through all that an updater will ask of it, by the
// updater's own code, in a folder of its own. A line for each check: pass; FAIL when a host would come to harm; warn when an
// updater copes, because it goes by the status and not by an exit code. After a failure the checks go on, unless they take an
// agent that was started. The folder is removed, but not after a FAIL of an agent that was unpacked: its log may say why.
//
//   unpacks                    by the rules of inspection.h, and control's interpreter is on this machine
//   control's contract         status, start and stop as control_script.h and README.md say, and each of the two done twice
//   probation                  started stays started
//   the updater dies           the agent doesn't: it was started by a process of its own, which is killed
//   nothing is held open       of the updater's; its pipe would cost the agent its life at the next line that it prints
//   the agent dies             and status says so, and start works again: a pid file alone would lie
//   stop leaves nothing        of all processes that came of the agent, wherever they went
//
// What it can't see: what an agent asks of others to run (systemctl, docker), and what it writes outside its folder.

#include <chrono>
#include <map>
#include <string>
#include <vector>

#include "common/daemon/daemon.h"

namespace ops::updater {

struct SmokeTestOptions {
  std::string tarball;
  std::chrono::seconds probation{30};        // the updater's own default: what passes here should pass there
  std::chrono::seconds control_timeout{60};  // for start and stop, the same

  bool operator==(const SmokeTestOptions&) const = default;
};

/// --try and what may go with it.
const std::vector<LongOption>& rehearsal_flags();

/// Of flags that were given, --try among them. The error is about a number.
Result<SmokeTestOptions> parse_rehearsal(const std::map<std::string, std::string>& flags);

/// Prints on stdout, and returns the exit code: 0 when nothing failed, 1 otherwise. To be called before any thread is made.
int run_smoke_test(const SmokeTestOptions& options);

}  // namespace ops::updater
