#pragma once

// What a restart must not forget of rollouts, beside what hosts report (host_snapshot.h): who was told a version and has not
// said how it went, and how many hosts ever ran one.
//
//   {"leases": [{"agent": "falcon-agent", "version": "3.1.3", "host": "h1", "grantedAt": 1447000000}],
//    "proven": [{"agent": "falcon-agent", "version": "3.1.2", "hosts": 1000}]}
//
// Written when ops-meta stops; read when it starts, and removed once it serves. kRolloutsUnderWay is there instead while it
// serves, so a start that finds that knows that it does not know, and learns first (controller.h).

#include <string>

#include "common/base/result.h"
#include "meta/hosts/host_table.h"
#include "meta/rollout/policy.h"

namespace ops::meta {

inline constexpr char kSavedRolloutsFile[] = "var/rollouts.json";
inline constexpr char kRolloutsUnderWay[] = "var/rollouts.under-way";

struct RolloutSnapshot {
  std::vector<Leases::Saved> leases;
  HostTable::Proven peak_running;

  bool operator==(const RolloutSnapshot&) const = default;
};

/// Replaces the file, atomically, for its owner only.
Result<void> save_rollouts(const RolloutSnapshot& rollouts, const std::string& path);

/// An error when there is no file, or when it is damaged.
Result<RolloutSnapshot> load_rollouts(const std::string& path);

}  // namespace ops::meta
