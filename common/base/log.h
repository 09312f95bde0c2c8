#pragma once

// Log lines on stderr or in a rotating file: "2015-11-08 16:26:40.123 +08:00 info TEXT". Any thread may log. Texts from hosts
// and agents are safe to log: control characters are replaced, and a line is cut at 4096 bytes.
//
// If stderr is systemd's journal ($JOURNAL_STREAM), a line there is "<6>TEXT": the journal stores the time itself, and takes
// the level from the number (sd-daemon(3)). (The journal's native protocol was rejected: it needs a socket of its own for the
// same.)

#include <string>

#include "common/base/result.h"
#include "common/base/text.h"

namespace ops::log {

enum class Level { debug, info, warning, error };

/// Logs to `path` instead of stderr. A file of 10 MiB is rotated; four older files are kept. Call it before other threads log.
Result<void> open(const std::string& path);

/// Turns debug lines on or off. They are off at first.
void set_debug(bool on);

/// Whether the log is a file: then lines do not appear on stderr.
bool is_in_file();

/// Whether the log is stderr, and stderr is the journal: then print no text on stderr beside the log.
bool is_in_journal();

void write(Level level, const std::string& line);

/// Whether debug lines are on. A debug line costs nothing while they are off.
bool is_debug();

template <typename... Parts>
void debug(const Parts&... parts) {
  if (is_debug()) write(Level::debug, cat(parts...));
}
template <typename... Parts>
void info(const Parts&... parts) {
  write(Level::info, cat(parts...));
}
template <typename... Parts>
void warning(const Parts&... parts) {
  write(Level::warning, cat(parts...));
}
template <typename... Parts>
void error(const Parts&... parts) {
  write(Level::error, cat(parts...));
}

}  // namespace ops::log
