#pragma once

// An agent's .state: what the updater must remember through a crash, beside .version. JSON:
//
//   {"trial": {"version": "3.1.3", "previous": "3.1.2", "checksum": "9d5e…", "until": 1447000030,
//              "bootId": "8a4c…", "untilSinceBoot": 530, "starts": 1, "soak": 600},
//    "soak": {"version": "3.1.3", "checksum": "9d5e…", "previous": "3.1.2", "seconds": 600, "until": 1447000630,
//             "bootId": "8a4c…", "untilSinceBoot": 1130, "deaths": 1},
//    "failed": {"version": "3.1.3", "checksum": "9d5e…", "error": "…", "when": 1447000012},
//    "previous": "3.1.2", "stopped": false}
//
// "trial" is the probation and "failed" is the latch. The two keys keep these names because updaters of other versions read
// the same file after an upgrade or a downgrade. The probation ends by the clock of the boot, which has no steps; "until" is
// the same moment by the wall clock, for updaters that write or read no "bootId". An updater that does not know "soak" drops
// it.
//
// A file that cannot be parsed is renamed to .state.damaged, and the log gets a line. The updater then goes on with an empty
// state. In the worst case it tries a latched version once more.

#include <cstdint>
#include <optional>
#include <string>

#include "common/base/result.h"

namespace ops::updater {

/// A switch to another release, from its first step to the end of its probation. Saved before the old version is stopped.
/// Removed when the new version has passed its probation or the old version is restored.
struct Probation {
  std::string version;
  std::string previous;          // the version to roll back to; "" if there is no such version
  std::string checksum;          // of the new version's tarball; tells the releases apart if both have the same version
  int64_t until = 0;             // the end of the probation, seconds since 1970; 0 until the new version has been seen started
  std::string boot_id;           // of the boot in which it began; "" if unknown
  int64_t until_since_boot = 0;  // its end in seconds since that boot
  int64_t starts = 0;            // of the new version until it was seen started; saved before each of them
  int64_t soak = 0;              // seconds; the length of the soak that follows; 0 for none

  bool operator==(const Probation&) const = default;
};

/// The soak of the current release (soak.h), from the end of its probation on.
struct Soak {
  std::string version;
  std::string checksum;  // of its tarball
  std::string previous;  // the version to roll back to; if it is `version`, its content before is in .staged-VERSION
  int64_t seconds = 0;   // the length
  int64_t until = 0;     // its end, seconds since 1970
  std::string boot_id;   // of the boot in which it began, or began again; "" if unknown
  int64_t until_since_boot = 0;
  int64_t deaths = 0;  // in this boot

  bool operator==(const Soak&) const = default;
};

/// A release that failed on this host. The updater does not try it again until ops-meta names another version or another
/// checksum.
struct Latch {
  std::string version;
  std::string checksum;
  std::string error;
  int64_t when = 0;  // seconds since 1970

  bool operator==(const Latch&) const = default;
};

struct State {
  std::optional<Probation> probation;
  std::optional<Soak> soak;  // not beside a probation
  std::optional<Latch> latch;
  std::string previous;  // the last good version before the current one; kept on the disk for a rollback
  bool stopped = false;  // ops-meta had the agent stopped; it is not started until ops-meta says start

  bool operator==(const State&) const = default;
};

/// Returns a default State if the file does not exist or cannot be parsed. Returns an error if the host failed to read the
/// file: a default State would then drop a probation or a latch for good.
Result<State> read_state(const std::string& path);

/// Replaces the file in one step (common/base/file.h). The file is readable by its owner only.
Result<void> write_state(const std::string& path, const State& state);

}  // namespace ops::updater
