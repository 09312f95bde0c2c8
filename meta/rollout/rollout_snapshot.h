#pragma once

// The state of rollouts on disk: the leases and the peaks, which heartbeats do not report (host_snapshot.h has the rest).
//
//   {"leases": [{"agent": "falcon-agent", "version": "3.1.3", "host": "h1", "grantedAt": 1447000000}],
//    "proven": [{"agent": "falcon-agent", "version": "3.1.2", "hosts": 1000}]}
//
// "proven" are the peaks. ops-meta writes the file when it stops. It reads the file when it starts, and then replaces it by
// kRolloutsUnderWay. A start that finds kRolloutsUnderWay instead follows a crash: it begins with a warm-up (controller.h).

#include <string>

#include "common/base/result.h"
#include "meta/hosts/host_table.h"
#include "meta/rollout/policy.h"

namespace ops::meta {

inline constexpr char kSavedRolloutsFile[] = "var/rollouts.json";
inline constexpr char kRolloutsUnderWay[] = "var/rollouts.under-way";

struct RolloutSnapshot {
  std::vector<Leases::Saved> leases;
  HostTable::Peaks peaks;

  bool operator==(const RolloutSnapshot&) const = default;
};

/// Replaces the file atomically, with mode 0600.
Result<void> save_rollouts(const RolloutSnapshot& rollouts, const std::string& path);

/// An error if the file is missing or damaged.
Result<RolloutSnapshot> load_rollouts(const std::string& path);

}  // namespace ops::meta
