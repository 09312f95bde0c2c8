#pragma once

// The state of rollouts on disk: the leases and the peaks, which heartbeats do not report (host_snapshot.h has the rest).
//
//   {"leases": [{"agent": "falcon-agent", "version": "3.1.3", "host": "h1", "grantedAt": 1447000000}],
//    "turns": [{"agent": "falcon-agent", "version": "3.1.3", "host": "h2", "grantedAt": 1447000000, "turn": "failed",
//               "failed": true}],
//    "proven": [{"agent": "falcon-agent", "version": "3.1.2", "hosts": 1000}],
//    "saved": {"at": 1447000100, "bootId": "8a4c…", "sinceBoot": 86400},
//    "underWay": [{"agent": "falcon-agent", "version": "3.1.3", "began": 1447000000, "askedAt": 1447000300,
//                  "before": {"hosts": [1000, 1000, 1000], "troubled": [2, 0, 1]}}],
//    "longestInterval": 300}
//
// "underWay" are the rollouts of rollout_watch.h, with the control group before each (survey.h), and times like grantedAt.
// "turns" are the turns without a lease (leases.h). "proven" are the peaks. "saved" is the moment of the save: grantedAt and
// "at" are of the wall clock then, so their difference is the age of a lease at the save. An ops-meta before 1.1 writes no key
// after "proven", and ignores them. ops-meta writes the file when it stops. It reads the file when it starts, and then replaces
// it by kRolloutsUnderWay. A start that finds kRolloutsUnderWay instead follows a crash: it begins with a warm-up
// (controller.h). That file contains the longest interval of the hosts.

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "common/base/result.h"
#include "meta/hosts/host_table.h"
#include "meta/rollout/controller.h"
#include "meta/rollout/leases.h"
#include "meta/rollout/rollout_watch.h"

namespace ops::meta {

inline constexpr char kSavedRolloutsFile[] = "var/rollouts.json";
inline constexpr char kRolloutsUnderWay[] = "var/rollouts.under-way";

struct RolloutSnapshot {
  std::vector<Leases::Saved> leases;
  HostTable::Peaks peaks;
  std::optional<BootTime> saved;
  std::vector<RolloutWatch::Rollout> under_way;
  int64_t longest_interval = 0;  // of the hosts, in seconds; 0 if it is not known

  bool operator==(const RolloutSnapshot&) const = default;
};

/// The state of the rollouts now. Its times are of a wall clock that shows `wall` now, and `saved` has `boot`.
RolloutSnapshot snapshot_of(const HostTable& hosts, const RolloutController& controller, WallTime wall, BootTime boot);

std::string to_json(const RolloutSnapshot& rollouts);
/// An error if the text is damaged.
Result<RolloutSnapshot> parse_rollouts(const std::string& text);

/// Replaces the file atomically, with mode 0600.
Result<void> save_rollouts(const RolloutSnapshot& rollouts, const std::string& path);

/// The time since the save, if the wall clock was set meanwhile. nullopt if it was not, or if the snapshot does not tell: then
/// the saved times are exact.
std::optional<std::chrono::seconds> since_save(const RolloutSnapshot& rollouts, const BootTime& now);

/// The leases with times of a clock that shows `now`: their age is the age at the save plus the time since. With nullopt, the
/// times are the saved ones, but never after `now`.
std::vector<Leases::Saved> leases_at(const RolloutSnapshot& rollouts, int64_t now,
                                     std::optional<std::chrono::seconds> since_save);
/// The same for the rollouts under way.
std::vector<RolloutWatch::Rollout> under_way_at(const RolloutSnapshot& rollouts, int64_t now,
                                                std::optional<std::chrono::seconds> since_save);

/// The longest interval in the mark at `path`; 0 if there is none.
std::chrono::seconds longest_interval_in(const std::string& path);

/// An error if the file is missing or damaged.
Result<RolloutSnapshot> load_rollouts(const std::string& path);

}  // namespace ops::meta
