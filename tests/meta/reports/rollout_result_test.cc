#include "meta/reports/rollout_result.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace ops::tests {
namespace {

using meta::RolloutResult;

/// Numbers of hosts for one release.
struct Counts {
  uint32_t assigned, running, failed, inflight, waiting, absent;
  bool is_halted = false;
  uint32_t held = 0;
};

/// A summary with these counts for a 2. The config tolerates 5 % of failures.
meta::FleetSummary summary_of(const Counts& counts) {
  meta::Config config;
  config.agents = {{{"a", "2", "http://m/a", "", "start"}, {}, {}}};
  auto scan = std::make_shared<meta::FleetScan>();
  scan->assignments = std::make_shared<const meta::Assignments>(std::make_shared<const meta::Config>(std::move(config)));
  meta::ReleaseSummary release;
  release.agent = "a";
  release.version = "2";
  release.state.reports.running = counts.running;
  release.state.reports.broken = counts.failed;
  release.state.leases.inflight = counts.inflight;
  release.state.is_halted = counts.is_halted;
  release.scan.assigned = counts.assigned;
  release.scan.waiting = counts.waiting;
  release.scan.absent = counts.absent;
  release.scan.held = counts.held;
  meta::FleetSummary summary;
  summary.scan = std::move(scan);
  summary.releases = {std::move(release)};
  return summary;
}

TEST(RolloutResult, FollowsItsTable) {
  struct Case {
    Counts counts;
    std::optional<double> share;
    RolloutResult result;
  };
  const Case cases[] = {
      {{0, 0, 0, 0, 0, 0}, {}, RolloutResult::unassigned},
      {{10, 9, 1, 0, 0, 0, true}, {}, RolloutResult::halted},
      {{10, 10, 0, 0, 0, 0, true}, 50, RolloutResult::halted},
      {{10, 10, 0, 0, 0, 0}, {}, RolloutResult::done},
      {{10, 9, 0, 1, 0, 0}, {}, RolloutResult::running},
      {{10, 9, 0, 0, 1, 0}, {}, RolloutResult::running},
      {{10, 9, 0, 0, 0, 1}, {}, RolloutResult::done},            // a silent host
      {{10, 9, 0, 0, 0, 0, false, 1}, {}, RolloutResult::done},  // an operator holds the agent on one
      {{10, 9, 0, 0, 0, 0}, {}, RolloutResult::running},         // one is installed, but not started
      {{100, 96, 4, 0, 0, 0}, {}, RolloutResult::done},          // 4 % failed
      {{100, 94, 6, 0, 0, 0}, {}, RolloutResult::failed},        // 6 % failed
      {{1, 0, 1, 0, 0, 0}, {}, RolloutResult::failed},
      {{1, 0, 0, 0, 0, 1}, {}, RolloutResult::running},
      {{100, 95, 0, 0, 5, 0}, 95, RolloutResult::done},
      {{100, 94, 0, 0, 6, 0}, 95, RolloutResult::running},
      {{101, 95, 0, 0, 6, 0}, 95, RolloutResult::running},  // 95.95 hosts are 96
      {{100, 94, 6, 0, 0, 0}, 95, RolloutResult::failed},
      {{100, 94, 4, 0, 0, 2}, 95, RolloutResult::running},  // two silent hosts may come back
  };
  for (const auto& [counts, share, result] : cases) {
    EXPECT_EQ(result_of(summary_of(counts), {"a", "2", share}), result)
        << counts.assigned << " assigned, " << counts.running << " run, " << counts.failed << " failed, " << counts.inflight
        << " inflight, " << counts.waiting << " wait, " << counts.absent << " absent, share " << share.value_or(0);
  }
}

TEST(RolloutResult, LeavesOutOtherReleases) {
  meta::FleetSummary summary = summary_of({10, 10, 0, 0, 0, 0});
  summary.releases.push_back(summary.releases.front());
  summary.releases.back().version = "3";
  summary.releases.back().scan.waiting = 5;
  EXPECT_EQ(to_text(summary, {"a", "2", {}}), "done\na 2  runs on 10 of 10 hosts\n");
  EXPECT_EQ(result_of(summary, {"a", "", {}}), RolloutResult::running) << "all releases of the agent";
  EXPECT_EQ(to_text(summary, {"b", "", {}}), "unassigned\nb is assigned to no known host\n");
  const auto json = nlohmann::json::parse(to_json(summary, {"a", "2", {}}));
  EXPECT_EQ(json.at("state"), "done");
  EXPECT_EQ(json.at("rollouts").size(), 1u);
  EXPECT_EQ(json.at("rollouts").at("2").at("running"), 10);
}

}  // namespace
}  // namespace ops::tests
