#pragma once

// What the output of an agent's `./control status` means. Both daemons ask here: ops-updater acts on the same judgement that
// ops-meta counts.
//
//   the output has                                                      the agent is
//   ---------------------------------------------------------------------------------
//   started: "started", "falcon-agent started, pid=12", "[ started ]"   started
//   stoped or stopped: "stoped", "falcon-agent is stopped"              stopped
//   "not started", "has not been started"                               stopped
//   a word of doubt on the same line, such as not, no, never, cannot,   unclear
//     failed, dead, was, last, be: "cannot be started", "started: no",
//     "dead, was last started 10:00", "is not running, started once"
//   both, in any order, also on different lines: "started, then stoped" unclear
//   only longer words: "restarted", "unstarted", "/run/started",        unclear
//     "started_at", "re-started", "started.pid"
//   none of these: "running", "", "exec `./control status` fail: …"     unclear
//
// Lines without one of the words do not count: they are warnings, of bash for instance. Each counts as a whole word, on any
// line, in capitals or not. Letters, digits, _, - and / make a word, and a dot or an
// apostrophe between two of these. Bytes beyond ASCII separate words: "状态：started" is started.
//
// When in doubt, `unclear` is the safe answer: ops-updater neither replaces such an agent nor takes its release for a good one.
// (To look for the words anywhere in the text, as the Go updater does, was rejected: "not started" is started then.)

#include <string>
#include <string_view>

namespace ops {

enum class Status { started, stopped, unclear };

// The words on the wire. "stoped" is Open-Falcon's spelling; "stopped" means the same and is kept as it is.
inline constexpr std::string_view kStartedWord = "started";
inline constexpr std::string_view kStopedWord = "stoped";
inline constexpr std::string_view kStoppedWord = "stopped";

/// `text` is the output, whole or as status_line returns it, or an error text as run_control and the Go
/// updater word it.
Status to_status(std::string_view text);

/// The output as it is sent, listed and logged: one line without terminal escapes, of kMaxStatusSize bytes at most. It means
/// the same to to_status as the whole output.
std::string status_line(std::string_view output);

/// "started" or "stoped" for a line that means that, in whichever words ("stopped" stays); any other line as it is. Scripts
/// print a pid: the lines of a million hosts would all differ.
std::string_view plain_status(std::string_view line);

}  // namespace ops
