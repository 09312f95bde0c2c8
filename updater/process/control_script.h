#pragma once

// Runs an agent's ./control, as this contract says (README.md has it for those who write agents):
//
//   - it runs in its version's folder, in a session and process group of its own, with stdin from /dev/null, no file
//     descriptors above 2, every signal at its default and unblocked, a umask that lets nobody else write;
//   - stdout and stderr are one pipe. What is printed is read until the script itself ends: nobody waits for an agent that
//     keeps the pipe open. The first 64 KiB are kept;
//   - at the deadline the whole process group gets SIGTERM, 2 s later SIGKILL. What had left the group stays;
//   - `start` leaves the agent running and exits 0; `stop` ends it and exits 0; `status` prints started or stoped and exits 0
//     (common/protocol/status.h says which other texts mean the same). The LSB's exit code 3 of `status`, "not running", is as
//     good as 0 when the text says stopped as well. Without such a text it is a failure: a script may end with 3 for any
//     reason.
//
// (A pseudo-terminal or a file instead of the pipe was rejected: scripts that worked with the Go updater got a pipe.)

#include <chrono>
#include <stop_token>
#include <string>

#include "common/base/result.h"

namespace ops::updater {

inline constexpr std::chrono::seconds kStatusDeadline{10};

/// From the end of start or stop to the status that it should lead to.
inline constexpr std::chrono::seconds kSettleTime{5};
inline constexpr std::chrono::milliseconds kSettleTick{200};

/// Runs `./control verb` in `folder` and returns what it printed, trimmed. Any other end than exit code 0 is an error that
/// names it and ends with the script's last words. A host that can't run it for want of processes, files or memory is given as
/// long as the script is, before that is an error, too: else a good version would be taken for a bad one. When `cancel` is
/// asked for, it returns an error at once and leaves the script to itself: killing a half-done start or stop would do harm.
Result<std::string> run_control(const std::string& folder, const std::string& verb, std::chrono::milliseconds deadline,
                                const std::stop_token& cancel);

}  // namespace ops::updater
