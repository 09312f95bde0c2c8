#pragma once

// An agent's .state: what must be remembered through a crash, beside .version. JSON:
//
//   {"trial": {"version": "3.1.3", "previous": "3.1.2", "checksum": "9d5e…", "until": 1447000030},
//    "failed": {"version": "3.1.3", "checksum": "9d5e…", "error": "…", "when": 1447000012},
//    "previous": "3.1.2", "stopped": false}
//
// A file that is damaged, or none, is put aside as .state.damaged, with a line in the log: the worst that follows is that a
// latched version is tried once more.

#include <cstdint>
#include <optional>
#include <string>

#include "common/base/result.h"

namespace ops::updater {

/// A switch that is under way. It is written before anything is stopped and goes when the version has passed or the old one
/// runs again.
struct Probation {
  std::string version;
  std::string previous;  // to go back to; "" when there was none
  std::string checksum;  // of the new version's tarball; tells the two apart when their versions are equal
  int64_t until = 0;     // the end of the probation, seconds since 1970; 0 before the new version was seen started

  bool operator==(const Probation&) const = default;
};

/// The latch: a version that did not work here, not tried again until meta names another or its checksum changes.
struct Failure {
  std::string version;
  std::string checksum;
  std::string error;
  int64_t when = 0;  // seconds since 1970

  bool operator==(const Failure&) const = default;
};

struct State {
  std::optional<Probation> trial;
  std::optional<Failure> failed;
  std::string previous;  // the good version before this one, kept for going back to
  bool stopped = false;  // stopped on meta's word, so not to be started until meta says start

  bool operator==(const State&) const = default;
};

/// The default State when there is no file, or one that can't be understood, which is put aside. An error when the host failed
/// to read it: to go on as if there was none would forget a trial or a latch for good.
Result<State> read_state(const std::string& path);

Result<void> write_state(const std::string& path, const State& state);

}  // namespace ops::updater
