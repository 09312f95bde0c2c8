#pragma once

// The meaning of what an agent's `./control status` prints to stdout (a Go updater adds stderr). Both daemons use this
// function: ops-updater acts on the same meaning that ops-meta counts.
//
//   the output contains                                                 the agent is
//   ---------------------------------------------------------------------------------
//   started: "started", "falcon-agent started, pid=12", "[ started ]"   started
//   stoped or stopped: "stoped", "falcon-agent is stopped"              stopped
//   "not started", "has not been started"                               stopped
//   a word of doubt on the same line, such as not, no, never, cannot,   unclear
//     failed, dead, was, last, be: "cannot be started", "started: no",
//     "dead, was last started 10:00", "is not running, started once"
//   both, in any order, on one line or several: "started, then stoped"  unclear
//   only longer words: "restarted", "unstarted", "/run/started",        unclear
//     "started_at", "re-started", "started.pid"
//   anything else: "running", "", "exec `./control status` fail: …"     unclear
//
// A line without "started", "stoped" or "stopped" is ignored: it may be a warning, of bash for instance. These three must be
// whole words; case makes no difference. A word consists of letters, digits, _, - and /, and of dots and apostrophes between
// two of these. Bytes beyond ASCII separate words: "状态：started" is started.
//
// `unclear` is the safe result: ops-updater does not replace such an agent, and its release does not pass probation.
// Rejected alternative: search for the words anywhere in the text, as the Go updater does. Then "not started" is started.

#include <string>
#include <string_view>

namespace ops {

enum class Status { started, stopped, unclear };

// The words on the wire. "stoped" is Open-Falcon's spelling; "stopped" means the same and is kept as it is.
inline constexpr std::string_view kStartedWord = "started";
inline constexpr std::string_view kStopedWord = "stoped";
inline constexpr std::string_view kStoppedWord = "stopped";

/// `text` is the whole output, the result of status_line, or an error text of run_control or of the Go updater.
Status to_status(std::string_view text);

/// The output as one line for heartbeats, lists and logs: without terminal escapes, cut at kMaxStatusSize bytes. to_status
/// returns the same for the line as for the whole output.
std::string status_line(std::string_view output);

/// The plain word for a line that means started or stopped: "started" or "stoped" ("stopped" stays). Any other line is returned
/// unchanged. Some scripts print a pid: without this the lines of a million hosts would all differ.
std::string_view plain_status(std::string_view line);

}  // namespace ops
