#pragma once

// Runs an agent's ./control by this contract (updater/README.md describes it for authors of agents):
//
//   - The script runs in its version's folder, in its own session and process group, with stdin from /dev/null, no file
//     descriptors above 2, all signals at their default action and unblocked, and a umask of at least 022. Its environment is
//     the updater's without LANG, LANGUAGE, LC_*, NOTIFY_SOCKET, LISTEN_* and WATCHDOG_*: an agent must not depend on whether
//     systemd or an operator's shell started the updater.
//   - stdout and stderr are two pipes. The status is what stdout has: bash (an unknown locale) and the dynamic linker (a
//     missing library of ld.so.preload) warn on stderr. The updater writes stderr into its log (debug) and into error texts.
//     It reads both pipes until the script ends, and does not wait for an agent that keeps a pipe open. It keeps the first 64
//     KiB of each.
//   - At the deadline the updater sends SIGTERM to the process group, and SIGKILL 2 s later. A process that has left the group
//     runs on.
//   - `start` leaves the agent running and exits with code 0. `stop` ends the agent and exits with code 0. `status` prints
//     started or stoped and exits with code 0 (common/protocol/status.h lists other texts with the same meaning). Exit code 3
//     of `status`, which is "not running" in the LSB, counts as 0 if the text means stopped. Without such a text it is a
//     failure, because a script may exit with 3 for another reason.
//
// (A pseudo-terminal or files instead of the pipes were rejected: the Go updater gives scripts a pipe, so they work with one.
// It gives stdout and stderr the same pipe.)

#include <algorithm>
#include <chrono>
#include <stop_token>
#include <string>

#include "common/base/result.h"

namespace ops::updater {

inline constexpr std::chrono::seconds kStatusDeadline{10};
/// A host whose `controlTimeout` is shorter waits no longer for a status than for a start.
inline std::chrono::seconds status_deadline(std::chrono::seconds control_timeout) {
  return std::min(kStatusDeadline, control_timeout);
}

/// The pause between two statuses after start or stop begins with kSettleTick and doubles up to kMaxSettleTick, because
/// statuses take CPU time from an agent that starts.
inline constexpr std::chrono::milliseconds kSettleTick{200};
inline constexpr std::chrono::milliseconds kMaxSettleTick{1000};

/// Runs `./control verb` in `folder` and returns its stdout, trimmed; for start and stop, stderr follows it. If the script does
/// not exit with code 0, the error says why and ends with the last lines of stderr and stdout. A `status` that prints to stderr
/// only is an error, too. If the host lacks processes, open files or memory to run the script, the call retries for as long as
/// `deadline` and then returns an error; a good release must not fail because of the host. When `cancel` is requested, the call
/// returns an error at once and the script runs on: to kill a start or stop before it has ended could damage the agent. `note`
/// is the path of the note (script_note.h) that exists while the script runs; "" for no note.
Result<std::string> run_control(const std::string& folder, const std::string& verb, std::chrono::milliseconds deadline,
                                const std::stop_token& cancel, const std::string& note = "");

}  // namespace ops::updater
