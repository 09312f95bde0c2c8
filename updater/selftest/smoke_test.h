#pragma once

// ops-updater --try TARBALL, for authors of agents: does with a release what the updater does, with the updater's own code, in
// a new folder below $TMPDIR or /tmp, or below /var/tmp where the former is mounted noexec. Prints one line per check:
//
//   pass   the release does what the updater expects
//   warn   the release does not, but the updater can run it: a start or stop failed, but the status is right
//   FAIL   the updater could not run the release, or a host could be damaged
//
// After a FAIL the checks continue, except those that need a started agent if start failed. The folder is removed, except after
// a FAIL of a release that was unpacked: the agent's log in it may show the cause.
//
//   the tarball                it follows the rules of inspection.h, and control's interpreter exists on this machine
//   the control contract       status, start and stop work as control_script.h and updater/README.md say, also when run a
//   second time open files                 the agent keeps no pipe of the updater open: it would get SIGPIPE when it prints
//   probation                  the agent stays started
//   the updater dies           the agent runs on after the process that started it was killed
//   the agent dies             status prints stoped, and start works again; a control that trusts its pid file fails here
//   stop                       no process that descends from the agent runs on
//
// The test does not see processes that another service (systemd, docker) runs for the agent, nor files outside its folder.

#include <chrono>
#include <map>
#include <string>
#include <vector>

#include "common/daemon/daemon.h"

namespace ops::updater {

struct SmokeTestOptions {
  std::string tarball;
  std::chrono::seconds probation{30};        // the updater's default
  std::chrono::seconds control_timeout{60};  // for start and stop; the updater's default
  std::chrono::seconds settle_time{30};      // after them, until the status changes; the updater's startTimeout and stopTimeout

  bool operator==(const SmokeTestOptions&) const = default;
};

/// --try and the flags that go with it.
const std::vector<LongOption>& smoke_test_flags();

/// `flags` are the given flags with their values; --try must be among them. Returns an error if a number is invalid.
Result<SmokeTestOptions> parse_smoke_test_options(const std::map<std::string, std::string>& flags);

/// Prints the checks on stdout and returns the exit code: 0 if no check failed, else 1. Call it while the process has only one
/// thread (see run_in_subreaper()).
int run_smoke_test(const SmokeTestOptions& options);

}  // namespace ops::updater
