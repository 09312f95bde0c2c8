#pragma once

// How the fleet and its rollouts get on, as values: what /status/summary, the page, `./control watch` and the log say.

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "meta/hosts/host_table.h"
#include "meta/reports/fleet_scan.h"
#include "meta/reports/throttled_log.h"
#include "meta/rollout/controller.h"

namespace ops::meta {

/// A release of the config. The hosts that it is desired on are running, failed, on their way (inflight), held, or absent;
/// the rest have it but don't run it.
struct ReleaseSummary {
  std::string agent;
  std::string version;
  RolloutState state;
  ReleaseScan scan;
  std::string why_halted;  // "" when it is not
  double per_minute = 0;   // hosts that came to run it, over the last minutes

  /// Hosts that will come to it, if it goes on.
  uint32_t to_go() const { return state.leases.inflight + scan.held; }
  /// Until they all have, at that pace; nullopt when nobody can say.
  std::optional<std::chrono::seconds> time_left() const;
};

struct FleetSummary {
  std::chrono::system_clock::time_point now;
  size_t hosts = 0;
  uint64_t heartbeats = 0;  // since the start
  double heartbeats_per_second = 0;
  ThrottledLog::Recent refused;           // heartbeats, by the client's address
  std::shared_ptr<const FleetScan> scan;  // never null
  std::vector<ReleaseSummary> releases;   // in the order of the config, an agent's versions sorted
};

/// The whole of /status/summary: README.md shows it. Borrows the table, for how many hosts have which release.
std::string to_json(const FleetSummary& summary, const HostTable& hosts);

enum class Bars { yes, no };

/// The same for people, some lines a release.
std::string to_text(const FleetSummary& summary, Bars bars);

/// One line: "runs on 512 of 10,000 hosts; 200 are on their way, 9,287 wait, 1 failed; 120 a minute, 79 min left".
std::string to_text(const ReleaseSummary& release);

/// "1,000,000"
std::string grouped(uint64_t number);
/// "40 s", "79 min", "5.5 h"
std::string rough(std::chrono::seconds time);

}  // namespace ops::meta
