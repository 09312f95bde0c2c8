#pragma once

// The end of a rollout, for ./control wait: GET /status/rollout.

#include <optional>
#include <string>

#include "meta/hosts/host_table.h"
#include "meta/reports/fleet_summary.h"

namespace ops::meta {

/// The first row that applies:
///
///   condition                                                                                      result
///   ------------------------------------------------------------------------------------------------------------
///   the config assigns the releases to no known host                                               unassigned
///   one of the releases is halted                                                                  halted
///   with a share: that share of the assigned hosts runs its release                                done
///   with a share: so many hosts failed that the others are less than the share                     failed
///   no host changes or waits, and every assigned host that is not silent runs its release or failed:
///     more than maxFailureRate % of the hosts failed                                               failed
///     without a share, and at least one host runs its release                                      done
///   otherwise                                                                                      running
///
/// A host whose agent is installed, but not started, and a silent host may still come to run it.
enum class RolloutResult { unassigned, halted, done, failed, running };

std::string_view name_of(RolloutResult result);

/// The releases of an agent that are watched together.
struct WatchedRollout {
  std::string agent;
  std::string version;          // "" for all that the config names
  std::optional<double> share;  // percent of the assigned hosts

  bool includes(const ReleaseSummary& release) const {
    return release.agent == agent && (version.empty() || release.version == version);
  }
};

RolloutResult result_of(const FleetSummary& summary, const WatchedRollout& watched);

/// A line with the result, then the lines of to_text(FleetSummary) about the releases.
std::string to_text(const FleetSummary& summary, const WatchedRollout& watched);

/// {"agent": "falcon-agent", "state": "done", "rollouts": {"5.2.0": {…as in /status/summary…}}}
std::string to_json(const FleetSummary& summary, const WatchedRollout& watched);

}  // namespace ops::meta
