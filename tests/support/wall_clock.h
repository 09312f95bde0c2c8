#pragma once

// A wall clock for one daemon, which a test can step (tests/clock/with_clock.cc).

#include <cstdint>
#include <string>
#include <vector>

#include "tests/support/temp_dir.h"

namespace ops::tests {

class WallClock {
 public:
  WallClock() { step_to(0); }

  /// Makes the clock run ahead of the machine's by this many seconds, or behind it.
  void step_to(int64_t seconds_ahead) const { write_file(file(), std::to_string(seconds_ahead) + "\n"); }

  /// The words in front of a command (Box::start_under()).
  std::vector<std::string> wrapper() const { return {std::string(OPS_BUILD_DIR) + "/tests/with_clock", file()}; }

 private:
  std::string file() const { return folder_ / "seconds"; }

  TempDir folder_;
};

}  // namespace ops::tests
