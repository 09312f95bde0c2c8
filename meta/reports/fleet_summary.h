#pragma once

// The state of the fleet and of its rollouts as values. /status/summary, the page, `./control watch` and the log print it.

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/base/number_text.h"
#include "meta/hosts/host_table.h"
#include "meta/reports/change_reporter.h"
#include "meta/reports/fleet_scan.h"
#include "meta/reports/standstill.h"
#include "meta/reports/throttled_log.h"
#include "meta/rollout/controller.h"

namespace ops::meta {

/// A release of the config. Each host that the config assigns it to runs it, failed with it, has a lease for it (inflight or
/// stuck), waits, is absent, or has it installed without running it.
struct ReleaseSummary {
  std::string agent;
  std::string version;
  RolloutState state;
  ReleaseScan scan;
  std::string why_halted;  // "" if it is not halted
  double per_minute = 0;   // hosts that began to run it, per minute, over the last minutes
  Standstill standstill = Standstill::moving;
  std::string waits;                   // the line of standstill.h
  uint32_t slots = 0;                  // hosts that may change at a time; 0: not known
  std::chrono::seconds measured{300};  // the time of per_minute
  std::chrono::seconds soak{0};
  bool has_fresh_lease = true;  // the oldest lease in flight is younger than `measured`

  /// Hosts that change to it if the rollout continues.
  uint32_t to_go() const { return state.leases.inflight + state.leases.stuck + scan.waiting; }
  /// Until all hosts run it that can (pace.h); nullopt if that is not known, the release is halted, or only hosts are left that
  /// have had their lease for long.
  std::optional<std::chrono::seconds> time_left() const;
};

struct FleetSummary {
  std::chrono::system_clock::time_point now;
  size_t hosts = 0;
  uint64_t heartbeats = 0;  // since the start
  double heartbeats_per_second = 0;
  ThrottledLog::Recent refused;           // heartbeats; the subject is the client's address
  std::optional<ChangeNotice> change;     // a dangerous change of the config in the last hour
  std::shared_ptr<const FleetScan> scan;  // never null
  std::vector<ReleaseSummary> releases;   // in the order of the config, versions sorted
};

/// The body of /status/summary; meta/README.md shows it. "agents" counts hosts by release and state:
///   {"hosts": 3, "agents": {"falcon-agent": {"versions": {"1.0.0": {"hosts": 2, "started": 2, "stopped": 0, "other": 0,
///     "updates": {"downloading": 1}}}, "others": {…}}}, …}
/// The versions with the most hosts are first. "others" sums up the versions beyond the limits below. Borrows the table.
std::string to_json(const FleetSummary& summary, const HostTable& hosts);
inline constexpr size_t kMaxListedVersions = 1000;    // of one agent
inline constexpr size_t kMaxListedReleases = 10'000;  // of all agents

enum class Bars { yes, no };

/// The same as text, a few lines per release.
std::string to_text(const FleetSummary& summary, Bars bars);

/// The object of the release in "rollouts" of /status/summary.
std::string to_json(const ReleaseSummary& release);

/// One line: "runs on 512 of 10,000 hosts; 200 updating, 9,287 wait, 1 failed; 120 a minute, 79 min left".
std::string to_text(const ReleaseSummary& release);

/// "40 s", "79 min", "5.5 h"
std::string rough(std::chrono::seconds time);

}  // namespace ops::meta
