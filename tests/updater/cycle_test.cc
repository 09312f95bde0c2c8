#include <gtest/gtest.h>

#include "tests/updater/cycle_fixture.h"

namespace ops::updater {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

using Lines = CycleTest::Lines;

#define EXPECT_HAS(text, part) EXPECT_NE((text).find(part), std::string::npos) << (text)

TEST_F(CycleTest, SendsTheFirstHeartbeatWithinFiveSecondsAndSaysSo) {
  perform(cycle.note_start(now));
  EXPECT_HAS(poll_note, "ops-meta is not asked yet; next heartbeat at ");
  EXPECT_TRUE(cycle.start_text(now).starts_with("asks http://m:2000 in ")) << cycle.start_text(now);
  run(seconds(5));
  EXPECT_EQ(heartbeats, 1);
  EXPECT_EQ(last_heartbeat.hostname, "h1");
  EXPECT_EQ(cycle.polls().answered, 1U);
}

TEST_F(CycleTest, DoesNothingButSendHeartbeatsOnAQuietDay) {
  install();
  const int before = heartbeats;
  run(hours(24));
  EXPECT_NEAR(heartbeats - before, 24 * 12, 15);
  EXPECT_EQ(take_done(), Lines{});
  const int64_t age = last_heartbeat.real_agents.at(0).started;
  EXPECT_NEAR(static_cast<double>(age), 24 * 3600 + 600, 600) << "since its first start";
  EXPECT_EQ(last_heartbeat.real_agents,
            (std::vector<RealAgent>{{"a", "1", "started", last_heartbeat.real_agents[0].timestamp, 0, age}}));
}

TEST_F(CycleTest, InstallsAnAgentAndReportsEachPhaseAtOnce) {
  reply.desired_agents = {assign("1")};
  run(seconds(15));
  EXPECT_EQ(take_done(), Lines{"fetch 1"});
  EXPECT_EQ(cycle.report(progress).at(0).phase, Phase::downloading);
  run(seconds(20));
  EXPECT_EQ(take_done(), Lines{"act: switch over"});
  EXPECT_EQ(phase(), "probation") << "the next round is minutes away";
  run(seconds(40));
  EXPECT_EQ(take_done(), Lines{"act: pass the probation"});
  EXPECT_EQ(phase(), "");
  EXPECT_EQ(agents["a"].version, "1");
  EXPECT_GT(cycle.polls().last_change, 1447000000);
  EXPECT_HAS(log, "a 1 is fetched, verified and unpacked\n");
}

TEST_F(CycleTest, UpgradesAnAgent) {
  install();
  reply.desired_agents = {assign("2")};
  run(minutes(10));
  EXPECT_EQ(take_done(), (Lines{"fetch 2", "act: switch over", "act: pass the probation"}));
  EXPECT_EQ(agents["a"].version, "2");
}

TEST_F(CycleTest, StartsAnAgentThatDied) {
  install();
  agents["a"].status = Status::stopped;
  run(minutes(6));
  EXPECT_EQ(take_done(), Lines{"act: start"});
  EXPECT_EQ(agents["a"].status, Status::started);
}

TEST_F(CycleTest, StopsAnAgentWhenOpsMetaSaysStop) {
  install();
  reply.desired_agents = {assign("1", "stop")};
  run(minutes(30));
  EXPECT_EQ(take_done(), Lines{"act: stop"});
}

TEST_F(CycleTest, RollsBackAReleaseThatDiesInItsProbationAndNeverTriesItAgain) {
  install();
  reply.desired_agents = {assign("2")};
  while (agents["a"].version != "2") run(seconds(1));
  agents["a"].status = Status::stopped;
  run(hours(5));
  EXPECT_EQ(take_done(), (Lines{"fetch 2", "act: switch over", "act: roll back"}));
  EXPECT_EQ(agents["a"].version, "1");
  EXPECT_EQ(phase(), "rolled-back");
  EXPECT_EQ(last_heartbeat.updates.at(0).version, "2");
}

TEST_F(CycleTest, LatchesAReleaseThatDoesNotStartUntilTheOperatorAsksForARetry) {
  install();
  broken = {"2"};
  reply.desired_agents = {assign("2")};
  run(hours(5));
  EXPECT_EQ(take_done(), (Lines{"fetch 2", "act: switch over"}));
  EXPECT_EQ(phase(), "rolled-back");

  broken.clear();
  is_retry_asked = true;
  run(minutes(10));
  EXPECT_EQ(take_done(), (Lines{"forget", "fetch 2", "act: switch over", "act: pass the probation"}));
  EXPECT_EQ(agents["a"].version, "2");
  EXPECT_HAS(log, "a: the updater forgets failures and pauses, as the operator asked");
}

TEST_F(CycleTest, LatchesAReleaseThatCannotBeUnpackedUntilAnotherVersionIsAssigned) {
  install();
  unpackable = {"2"};
  reply.desired_agents = {assign("2")};
  run(hours(5));
  EXPECT_EQ(take_done(), (Lines{"fetch 2", "save"}));
  EXPECT_EQ(phase(), "rolled-back");
  EXPECT_EQ(agents["a"].state.latch->error, "it has no control");
  EXPECT_HAS(log, "WARNING a 2: it has no control");
  reply.desired_agents = {assign("3")};
  run(minutes(10));
  EXPECT_EQ(take_done(), (Lines{"fetch 3", "act: switch over", "act: pass the probation"}));
}

TEST_F(CycleTest, SupervisesItsAgentsWhileOpsMetaIsSilent) {
  install();
  is_meta_silent = true;
  const int before = heartbeats;
  run(hours(3));
  EXPECT_NEAR(heartbeats - before, 3 * 12, 10) << "the pauses grow up to the interval";
  EXPECT_HAS(poll_note, "no answer from ops-meta (at ");
  EXPECT_HAS(log, "WARNING no answer from ops-meta; asks again in ");
  agents["a"].status = Status::stopped;
  run(minutes(10));
  EXPECT_EQ(take_done(), Lines{"act: start"});
  is_meta_silent = false;
  run(minutes(10));
  EXPECT_LT(now.unix_time - cycle.polls().last_answer, 600);
  EXPECT_HAS(log, "ops-meta answers again, after ");
  EXPECT_HAS(poll_note, "http://m:2000 answered at ");
}

TEST_F(CycleTest, LogsAndCountsEachChangeOfTheServer) {
  run(minutes(20));
  EXPECT_EQ(log.find("heartbeats go to "), std::string::npos) << log;
  meta_server = "http://m2:2000";
  run(minutes(20));
  EXPECT_HAS(log, "heartbeats go to http://m2:2000 now, and not to http://m:2000 any more");
  EXPECT_EQ(cycle.polls().server_changes, 1U);
}

TEST_F(CycleTest, WarnsOfRepliesOfAnOlderGeneration) {
  stale = "http://m1:2000/heartbeat: the reply has generation 3, an earlier reply had 4";
  run(minutes(20));
  EXPECT_HAS(log, "WARNING " + stale);
}

TEST_F(CycleTest, KeepsToAnotherServerForTenIntervals) {
  run(minutes(20));
  EXPECT_EQ(last_stay, seconds(0)) << "there is no other server";
  Config config = test_config();
  config.servers.emplace_back("http://m2:2000");
  perform(cycle.take(ConfigReloaded{config}, now));
  std::set<Clock::duration> stays;
  for (int i = 0; i < 20; ++i) {
    run(minutes(5));
    stays.insert(last_stay);
    EXPECT_GE(last_stay, minutes(45));
    EXPECT_LE(last_stay, minutes(55));
  }
  EXPECT_GT(stays.size(), 10U) << "hosts that left a server together do not return together";
  reply.interval = 60;
  run(minutes(10));
  EXPECT_LE(last_stay, minutes(11)) << "of the interval that ops-meta asks for";
}

TEST_F(CycleTest, AUserWhoReloadsInALoopCausesOneHeartbeatASecond) {
  install();
  const int before = heartbeats;
  for (int i = 0; i < 1000; ++i) after(std::chrono::milliseconds(10) * i, ConfigReloaded{test_config(), false});
  run(seconds(20));
  EXPECT_NEAR(heartbeats - before, 10, 2);
  is_meta_silent = true;
  run(minutes(30));
  const int silent = heartbeats;
  for (int i = 0; i < 1000; ++i) after(std::chrono::milliseconds(10) * i, ConfigReloaded{test_config(), false});
  run(seconds(11));
  EXPECT_LE(heartbeats - silent, 1) << "the pause after a failure stays";
}

TEST_F(CycleTest, ReportsAnAgentWhoseFolderHangsAndTakesItBack) {
  install();
  observation_time = minutes(20);
  const int before = heartbeats;
  run(minutes(12));
  EXPECT_GE(heartbeats - before, 2);
  EXPECT_EQ(last_heartbeat.real_agents.at(0).status, kStuckText);
  EXPECT_HAS(log, std::string("WARNING a: ") + kStuckText);
  observation_time = seconds(0);
  run(minutes(30));
  EXPECT_EQ(last_heartbeat.real_agents.at(0).status, "started");
}

TEST_F(CycleTest, AReloadSendsAHeartbeatAtOnceAndTakesTheNewConfig) {
  install();
  run(seconds(10));
  const int before = heartbeats;
  Config config = test_config();
  config.desired_agent = "b";
  after(seconds(0), ConfigReloaded{config});
  reply.desired_agents = {assign("2")};
  run(seconds(1));
  EXPECT_EQ(heartbeats, before + 1);
  EXPECT_EQ(phase(), "held");
  run(hours(1));
  EXPECT_EQ(take_done(), Lines{}) << "the config leaves agent a alone";
}

TEST_F(CycleTest, DoesNothingToAnAgentThatAnOperatorHolds) {
  install();
  agents["a"].hold = "by ann";
  agents["a"].status = Status::stopped;
  reply.desired_agents = {assign("2")};
  run(hours(1));
  EXPECT_EQ(take_done(), Lines{});
  EXPECT_EQ(phase(), "held");
  EXPECT_EQ(last_heartbeat.updates.at(0).error, "by ann");
  agents["a"].hold.reset();
  run(minutes(10));
  EXPECT_EQ(agents["a"].version, "2");
}

TEST_F(CycleTest, NeverObservesAnAgentTwiceAtOnce) {
  install();
  observation_time = minutes(30);
  const int before = observations;
  run(minutes(29));
  EXPECT_EQ(observations, before + 1);
}

TEST_F(CycleTest, ObservesAgainAfterASecondWhenTheHostCannotReadTheFolder) {
  install();
  perform(cycle.take(ConfigReloaded{test_config()}, now));
  const Effects effects = cycle.observe({"a"}, now);
  ASSERT_EQ(effects.size(), 1U);
  perform(cycle.take(ObservationEnded{"a", Error{"cannot read a/.version: Input/output error"}}, now));
  EXPECT_HAS(log, "WARNING a: cannot read a/.version: Input/output error");
  perform(cycle.send(progress, now));
  take_events();
  EXPECT_EQ(cycle.next_pass(now), now.steady + seconds(1));
}

TEST_F(CycleTest, RefusesAnAgentWithTheNameOfTheUpdatersFolder) {
  reply.desired_agents = {{"var", "1", "http://m:2000/t", "", "start"}};
  run(minutes(1));
  EXPECT_HAS(log,
             "WARNING ops-updater ignores parts of ops-meta's reply: var is the updater's own folder and cannot be an agent");
  EXPECT_EQ(take_done(), Lines{});
}

TEST_F(CycleTest, LeavesAnAgentAloneWithACmdThatIsNeitherStartNorStop) {
  reply.desired_agents = {assign("1", "restart")};
  run(minutes(20));
  EXPECT_HAS(log,
             "WARNING a: the cmd of ops-meta is \"restart\", expected start or stop; the updater leaves the agent as it is");
  EXPECT_EQ(take_done(), Lines{});
}

TEST_F(CycleTest, ForgetsAnAgentThatIsNeitherInstalledNorAssigned) {
  install();
  reply.desired_agents.clear();
  run(minutes(6));
  EXPECT_EQ(cycle.report(progress).size(), 1U) << "it is still installed";
  agents.clear();
  run(minutes(6));
  EXPECT_EQ(cycle.report(progress).size(), 0U);
}

}  // namespace
}  // namespace ops::updater
