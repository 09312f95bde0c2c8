#pragma once

// The log: lines to stderr, or to a rotating file. Any thread may log. What hosts or agents sent is safe to log: control
// characters never reach the file.

#include <string>

#include "common/base/result.h"
#include "common/base/text.h"

namespace ops::log {

enum class Level { debug, info, warning, error };

/// From now on log to `path` (10 MB, and the four files before it are kept as path.1 …) instead of stderr.
Result<void> open(const std::string& path);

/// Debug lines are dropped unless this is on.
void set_debug(bool on);

/// Whether lines go to a file, where whoever looks at stderr doesn't see them.
bool is_in_file();

void write(Level level, const std::string& line);

/// Whether debug lines are written.
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
