#include "tests/fleet/progress.h"

#include <unistd.h>

#include <iostream>

namespace ops::fleet {

Progress::Progress() : is_terminal_(::isatty(STDERR_FILENO) == 1) {}

void Progress::show(const std::string& line) const {
  std::cerr << (is_terminal_ ? "\r\033[K" : "") << line << (is_terminal_ ? "" : "\n") << std::flush;
}

void Progress::end() const {
  if (is_terminal_) std::cerr << "\r\033[K" << std::flush;
}

}  // namespace ops::fleet
