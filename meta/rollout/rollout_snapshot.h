#pragma once

// The state of rollouts on disk: the leases and the peaks, which heartbeats do not report (host_snapshot.h has the rest).
//
//   {"leases": [{"agent": "falcon-agent", "version": "3.1.3", "host": "h1", "grantedAt": 1447000000}],
//    "proven": [{"agent": "falcon-agent", "version": "3.1.2", "hosts": 1000}],
//    "saved": {"at": 1447000100, "bootId": "8a4c…", "sinceBoot": 86400}}
//
// "proven" are the peaks. "saved" is the moment of the save: grantedAt and "at" are of the wall clock then, so their difference
// is the age of a lease at the save. An ops-meta before 1.1 writes no "saved", and ignores it. ops-meta writes the file when it
// stops. It reads the file when it starts, and then replaces it by kRolloutsUnderWay. A start that finds kRolloutsUnderWay
// instead follows a crash: it begins with a warm-up (controller.h).

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "common/base/result.h"
#include "meta/hosts/host_table.h"
#include "meta/rollout/policy.h"

namespace ops::meta {

inline constexpr char kSavedRolloutsFile[] = "var/rollouts.json";
inline constexpr char kRolloutsUnderWay[] = "var/rollouts.under-way";

struct RolloutSnapshot {
  std::vector<Leases::Saved> leases;
  HostTable::Peaks peaks;
  std::optional<BootTime> saved;

  bool operator==(const RolloutSnapshot&) const = default;
};

/// Replaces the file atomically, with mode 0600.
Result<void> save_rollouts(const RolloutSnapshot& rollouts, const std::string& path);

/// The time since the save, if the wall clock was set meanwhile. nullopt if it was not, or if the snapshot does not tell: then
/// the saved times are exact.
std::optional<std::chrono::seconds> since_save(const RolloutSnapshot& rollouts, const BootTime& now);

/// The leases with their times by a clock that shows `now`: as old as at the save, and the time since. With nullopt, the saved
/// times, `now` at most.
std::vector<Leases::Saved> leases_at(const RolloutSnapshot& rollouts, int64_t now,
                                     std::optional<std::chrono::seconds> since_save);

/// An error if the file is missing or damaged.
Result<RolloutSnapshot> load_rollouts(const std::string& path);

}  // namespace ops::meta
