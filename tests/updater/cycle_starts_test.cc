// The interval and the starts of agents in heartbeats.

#include <chrono>

#include "tests/updater/cycle_fixture.h"

namespace ops::updater {
namespace {

using std::chrono::minutes;

struct CycleStarts : CycleTest {};

TEST_F(CycleStarts, ReportsItsIntervalAndTheStartsOfAgents) {
  put_running("1");
  reply.desired_agents = {assign("1")};
  run(minutes(30));
  EXPECT_EQ(last_heartbeat.interval, 300);
  EXPECT_NEAR(static_cast<double>(last_heartbeat.uptime), 1800, 330);
  EXPECT_EQ(last_heartbeat.real_agents.at(0).restarts, 0);
  EXPECT_EQ(last_heartbeat.real_agents.at(0).started, -1) << "an earlier process started it";
  reply.interval = 60;
  agents["a"].status = Status::stopped;
  run(minutes(10));
  EXPECT_EQ(last_heartbeat.interval, 60);
  EXPECT_EQ(last_heartbeat.real_agents.at(0).restarts, 1);
  EXPECT_NEAR(static_cast<double>(last_heartbeat.real_agents.at(0).started), 400, 200);
  reply.desired_agents = {assign("2")};
  run(minutes(10));
  EXPECT_EQ(last_heartbeat.real_agents.at(0).version, "2");
  EXPECT_EQ(last_heartbeat.real_agents.at(0).restarts, 0) << "since the switch";
}

TEST_F(CycleStarts, CountsNoRestartAfterAStopOrderOrABoot) {
  put_running("1");
  agents["a"].status = Status::stopped;
  now.since_boot = 60;
  reply.desired_agents = {assign("1")};
  run(minutes(10));
  EXPECT_EQ(take_done(), Lines{"act: start"});
  EXPECT_EQ(last_heartbeat.real_agents.at(0).restarts, 0) << "the host booted";
  reply.desired_agents = {assign("1", "stop")};
  run(minutes(10));
  reply.desired_agents = {assign("1")};
  run(minutes(10));
  EXPECT_EQ(take_done(), (Lines{"act: stop", "act: start"}));
  EXPECT_EQ(last_heartbeat.real_agents.at(0).restarts, 0) << "ops-meta had it stopped";
  agents["a"].status = Status::stopped;
  run(minutes(10));
  EXPECT_EQ(last_heartbeat.real_agents.at(0).restarts, 1) << "it died";
}

}  // namespace
}  // namespace ops::updater
