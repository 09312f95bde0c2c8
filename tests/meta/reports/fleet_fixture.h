#pragma once

// A host table, a rollout controller and configs for the tests of fleet scans, previews and explanations.

#include <gtest/gtest.h>

#include "meta/config/assignments.h"
#include "meta/hosts/host_table.h"
#include "meta/rollout/controller.h"

namespace ops::tests {

/// One agent, `a`.
struct FleetTest : testing::Test {
  using TimePoint = std::chrono::system_clock::time_point;

  static std::shared_ptr<const meta::Assignments> want(const std::string& version, std::vector<meta::Override> others = {}) {
    meta::Config config;
    config.agents = {{{"a", version, "http://m/a", "", "start"}, std::move(others), {}}};
    return std::make_shared<const meta::Assignments>(std::make_shared<const meta::Config>(std::move(config)));
  }
  /// Records a heartbeat of the host. `version` "": without the agent.
  void runs(const std::string& host, const std::string& version, std::vector<AgentUpdate> updates = {}) {
    std::vector<RealAgent> agents;
    if (!version.empty()) agents.push_back({"a", version, "started", 0});
    EXPECT_TRUE(hosts.record({host, std::move(agents), std::move(updates), "1.0.0", "linux_amd64"}, now));
  }
  void fails(const std::string& host, const std::string& version, const std::string& at, const std::string& error) {
    runs(host, version, {{"a", at, "rolled-back", 0, 0, 1, 0, error}});
  }
  /// The host changes from version 1 to `version`, runs it past its probation, and reports it stopped at two heartbeats.
  void dies_later(const std::string& host, const std::string& version) {
    const auto beat = [&](const std::string& installed, const std::string& status, std::vector<AgentUpdate> updates = {}) {
      HeartbeatRequest heartbeat{host, {{"a", installed, status, 0}}, std::move(updates), "1.1.0", "linux_amd64"};
      heartbeat.interval = 300;
      EXPECT_TRUE(hosts.record(heartbeat, now));
    };
    beat("1", "started");
    beat(version, "started", {{"a", version, "probation"}});
    beat(version, "started");
    beat(version, "stoped");
    beat(version, "stoped");
    hosts.survey({{"a", version, now, std::chrono::seconds(-1)}}, now, now);
  }

  meta::HostTable hosts;
  meta::RolloutController controller{hosts};
  TimePoint now{std::chrono::hours(500'000)};
};

}  // namespace ops::tests
