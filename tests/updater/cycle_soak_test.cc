// A release that passes its probation and dies later: the host goes back by itself.

#include <chrono>

#include "tests/updater/cycle_fixture.h"

namespace ops::updater {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

struct CycleInASoak : CycleTest {
  /// Upgrades the agent to version 2, and lets this pass its probation.
  void upgrade(int64_t soak = -1) {
    install();
    DesiredAgent assigned = assign("2");
    assigned.soak = soak;
    reply.desired_agents = {assigned};
    while (agents["a"].version != "2" || agents["a"].state.probation) run(seconds(1));
    take_done();
  }

  /// The agent dies when it has run for `age`, again and again.
  void die_at(seconds age, int times) {
    for (int i = 0; i < times; ++i) {
      run(age);
      agents["a"].status = Status::stopped;
      while (agents["a"].status != Status::started) run(seconds(1));
    }
  }

  seconds soak_left() const { return seconds(agents.at("a").state.soak->until - now.unix_time); }
};

TEST_F(CycleInASoak, RollsBackAReleaseThatDiesThreeTimes) {
  upgrade();
  run(seconds(5));
  EXPECT_EQ(phase(), "") << "ops-meta counts a host that soaks as running";
  die_at(seconds(20), 3);
  EXPECT_EQ(take_done(), (Lines{"act: start", "act: start", "act: roll back"}));
  EXPECT_EQ(agents["a"].version, "1");
  run(minutes(10));
  EXPECT_EQ(phase(), "rolled-back");
  EXPECT_EQ(last_heartbeat.updates.at(0).version, "2");
  EXPECT_EQ(last_heartbeat.updates.at(0).error, "was \"stoped\" for the third time in its soak of 600 s");
  EXPECT_EQ(take_done(), Lines{}) << "it is latched";
}

TEST_F(CycleInASoak, RollsBackWhileOpsMetaIsSilent) {
  upgrade(240);
  is_meta_silent = true;
  die_at(minutes(2), 3);
  EXPECT_EQ(agents["a"].version, "1");
}

TEST_F(CycleInASoak, EndsAfterTwoIntervalsOrTheTimeOfTheReply) {
  upgrade();
  EXPECT_NEAR(static_cast<double>(soak_left().count()), 600, 2);
  run(minutes(11));
  EXPECT_EQ(agents["a"].state.soak, std::nullopt);
  EXPECT_EQ(take_done(), Lines{"act: end the soak"});
  die_at(seconds(20), 4);
  EXPECT_EQ(take_done(), Lines(4, "act: start")) << "the release has proved itself";
  DesiredAgent third = assign("3");
  third.soak = 3600;
  reply.desired_agents = {third};
  run(minutes(10));
  ASSERT_TRUE(agents["a"].state.soak);
  reply.desired_agents = {assign("3")};
  run(minutes(30));
  ASSERT_TRUE(agents["a"].state.soak) << "the length at the switch counts";
  EXPECT_EQ(agents["a"].state.soak->seconds, 3600);
}

TEST_F(CycleInASoak, LooksAtTheAgentMoreOftenThanARound) {
  upgrade();
  const int before = observations;
  run(minutes(9));
  EXPECT_NEAR(observations - before, 18, 3) << "every 30 s";
  run(minutes(2));
  take_done();
  const int after = observations;
  run(minutes(50));
  EXPECT_NEAR(observations - after, 10, 2);
}

TEST_F(CycleInASoak, OfZeroIsNone) {
  upgrade(0);
  EXPECT_EQ(agents["a"].state.soak, std::nullopt);
}

TEST_F(CycleInASoak, EndsForAnAgentThatIsHeldOrNoLongerNamed) {
  upgrade();
  agents["a"].hold = "";
  run(minutes(6));
  EXPECT_EQ(take_done(), Lines{"act: end the soak"});
  agents["a"].hold.reset();
  reply.desired_agents = {assign("3")};
  run(minutes(6));
  take_done();
  ASSERT_TRUE(agents["a"].state.soak);
  reply.desired_agents.clear();
  run(minutes(6));
  EXPECT_EQ(take_done(), Lines{"act: end the soak"});
}

}  // namespace
}  // namespace ops::updater
