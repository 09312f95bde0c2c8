#include "meta/rollout/controller.h"

#include <gtest/gtest.h>

#include <map>
#include <random>

#include "meta/rollout/policy.h"

namespace ops::tests {
namespace {

using meta::Answer;
using meta::HostTable;
using meta::RolloutController;
using meta::RolloutLimits;
using std::chrono::seconds;

const DesiredAgent kTwo{"a", "2", "http://m/a", "", "start"};

/// A host that runs this version.
HeartbeatRequest running(const std::string& host, const std::string& version) {
  return {host, {{"a", version, "started", 0}}, {}, "1.0.0", "linux_amd64"};
}

/// And is in this phase of an update to that one.
HeartbeatRequest updating(const std::string& host, const std::string& version, const std::string& to,
                          const std::string& phase) {
  HeartbeatRequest heartbeat = running(host, version);
  heartbeat.updates = {{"a", to, phase, 0, 0, 1, 0, ""}};
  return heartbeat;
}

HeartbeatRequest empty(const std::string& host) { return {host, {}, {}, "1.0.0", "linux_amd64"}; }

struct RolloutControllerTest : testing::Test {
  Answer tell(const HeartbeatRequest& heartbeat, const DesiredAgent& desired = kTwo) {
    EXPECT_TRUE(hosts.record(heartbeat, now));
    return controller.tell(desired, limits, heartbeat, now);
  }
  meta::RolloutState state() { return controller.state("a", "2", limits, now); }

  HostTable hosts;
  RolloutController controller{hosts};
  RolloutLimits limits;
  RolloutController::TimePoint now{std::chrono::hours(500'000)};
};

TEST_F(RolloutControllerTest, TheFirstHostGoesAndOthersKeepWhatTheyHave) {
  EXPECT_EQ(tell(running("h1", "1")), Answer::desired);
  EXPECT_EQ(tell(running("h2", "1")), Answer::own);
  EXPECT_EQ(tell(empty("h3")), Answer::nothing);
  EXPECT_EQ(tell(updating("h1", "1", "2", "downloading")), Answer::desired) << "it has its lease";
}

TEST_F(RolloutControllerTest, OthersFollowOnceItRunsPastProbation) {
  EXPECT_EQ(tell(running("h1", "1")), Answer::desired);
  EXPECT_EQ(tell(updating("h1", "2", "2", "probation")), Answer::desired);
  EXPECT_EQ(tell(running("h2", "1")), Answer::own) << "not proven yet";
  EXPECT_EQ(tell(running("h1", "2")), Answer::desired);
  EXPECT_EQ(tell(running("h2", "1")), Answer::desired);
  EXPECT_EQ(tell(running("h3", "1")), Answer::own) << "one at a time while one has it";
}

TEST_F(RolloutControllerTest, AGoUpdaterIsJudgedByWhatItRuns) {
  HeartbeatRequest go{"h1", {{"a", "1", "started", 0}}, {}, "", ""};
  EXPECT_EQ(tell(go), Answer::desired);
  go.real_agents[0] = {"a", "2", "stoped", 0};
  EXPECT_EQ(tell(go), Answer::desired);
  EXPECT_EQ(state().leases.inflight, 1u);
  go.real_agents[0].status = "a started, pid=12";
  EXPECT_EQ(tell(go), Answer::desired);
  EXPECT_EQ(state().leases.inflight, 0u);
}

// Its lease would run out in silence, and three such hosts would halt a good release.
TEST_F(RolloutControllerTest, AHostThatHoldsTheAgentTakesNoPart) {
  EXPECT_EQ(tell(updating("h1", "1", "1", "held")), Answer::own);
  EXPECT_EQ(tell(updating("h1", "1", "2", "held")), Answer::own);
  HeartbeatRequest without = empty("h2");
  without.updates = {{"a", "2", "held", 0, 0, 0, 0, "desiredAgent is b"}};
  EXPECT_EQ(tell(without), Answer::desired) << "so that it goes on to say that it holds it";
  EXPECT_EQ(state().leases.inflight, 0u);
  EXPECT_EQ(tell(running("h3", "1")), Answer::desired);
  EXPECT_EQ(tell(updating("h3", "1", "1", "held")), Answer::own) << "held after it was told";
  EXPECT_EQ(state().leases.inflight, 0u);
  EXPECT_EQ(tell(running("h1", "1")), Answer::desired) << "held no more";
}

TEST_F(RolloutControllerTest, AHostThatFailedIsToldTheSameAgain) {
  EXPECT_EQ(tell(running("h1", "1")), Answer::desired);
  EXPECT_EQ(tell(updating("h1", "1", "2", "rolled-back")), Answer::desired) << "else it would drop its latch";
  EXPECT_EQ(state().leases.inflight, 0u);
  EXPECT_EQ(state().reports.broken, 1u);
}

TEST_F(RolloutControllerTest, ThreeFailuresHaltARelease) {
  for (const std::string host : {"h1", "h2", "h3"}) {
    EXPECT_EQ(tell(running(host, "1")), Answer::desired) << host;
    EXPECT_EQ(tell(updating(host, "1", "2", host == "h2" ? "failed" : "rolled-back")), Answer::desired);
  }
  EXPECT_TRUE(state().is_halted);
  for (int i = 4; i < 100; ++i) EXPECT_EQ(tell(running("h" + std::to_string(i), "1")), Answer::own);
}

TEST_F(RolloutControllerTest, SilenceIsAFailure) {
  for (const std::string host : {"h1", "h2", "h3"}) {
    EXPECT_EQ(tell(running(host, "1")), Answer::desired) << host;
    now += limits.timeout + seconds(1);
  }
  EXPECT_EQ(tell(running("h4", "1")), Answer::own);
  EXPECT_TRUE(state().is_halted);
  EXPECT_EQ(tell(running("h1", "2")), Answer::desired);
  EXPECT_FALSE(state().is_halted) << "h1 runs it after all";
}

TEST_F(RolloutControllerTest, NothingElseIsHeldUp) {
  EXPECT_EQ(tell(running("h1", "1")), Answer::desired);
  EXPECT_EQ(tell(running("h2", "2")), Answer::desired) << "it has it";
  DesiredAgent stop = kTwo;
  stop.cmd = "stop";
  EXPECT_EQ(tell(running("h3", "1"), stop), Answer::desired);
  stop.cmd = "";
  EXPECT_EQ(tell(running("h3", "1"), stop), Answer::desired);
  limits.parallel = 0;
  EXPECT_EQ(tell(running("h3", "1")), Answer::desired);
}

TEST_F(RolloutControllerTest, YesterdaysVersionIsProven) {
  for (int i = 0; i < 1000; ++i) tell(running("h" + std::to_string(i), "2"));
  for (int i = 0; i < 1000; ++i) EXPECT_TRUE(hosts.record(running("h" + std::to_string(i), "3"), now));
  EXPECT_EQ(state().reports.running, 0u);
  EXPECT_EQ(state().reports.peak_running, 1000u);
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(tell(running("h" + std::to_string(i), "3")), Answer::desired);
}

TEST_F(RolloutControllerTest, WhoKnowsNothingLearnsFirst) {
  controller.start_warm_up(now);
  EXPECT_EQ(tell(running("h1", "1")), Answer::own);
  EXPECT_EQ(tell(running("h2", "2")), Answer::desired);
  EXPECT_EQ(tell(updating("h3", "1", "2", "rolled-back")), Answer::desired);
  EXPECT_EQ(tell(empty("h4")), Answer::desired) << "a first install breaks nothing that runs";
  now += RolloutController::kWarmUp;
  EXPECT_EQ(tell(running("h4", "2")), Answer::desired);
  EXPECT_EQ(tell(running("h1", "1")), Answer::desired);
}

TEST_F(RolloutControllerTest, LeasesOutliveARestart) {
  EXPECT_EQ(tell(running("h1", "1")), Answer::desired);
  now += seconds(100);
  RolloutController restarted(hosts);
  restarted.restore(controller.leases().all());
  EXPECT_EQ(restarted.tell(kTwo, limits, running("h2", "1"), now), Answer::own);
  EXPECT_EQ(restarted.tell(kTwo, limits, running("h1", "1"), now), Answer::desired);
  now += limits.timeout - seconds(99);
  EXPECT_EQ(restarted.state("a", "2", limits, now).leases, (meta::Leases::Counts{0, 1}));
}

/// A fleet in which each host that is told the version fails with this probability, by its next heartbeat. Returns how many
/// hosts ever ran it.
struct Fleet {
  int ever_ran = 0;
  bool completed = false;
};
Fleet play(double failing, int size, unsigned seed) {
  HostTable hosts;
  RolloutController controller(hosts);
  const RolloutLimits limits;
  RolloutController::TimePoint now{std::chrono::hours(500'000)};
  std::mt19937 random(seed);
  std::bernoulli_distribution fails(failing);
  std::map<int, HeartbeatRequest> fleet;
  for (int i = 0; i < size; ++i) fleet[i] = running("h" + std::to_string(i), "1");
  Fleet outcome;
  for (int round = 0; round < 40; ++round) {
    int done = 0;
    for (auto& [i, heartbeat] : fleet) {
      now += std::chrono::milliseconds(300'000 / size);
      EXPECT_TRUE(hosts.record(heartbeat, now));
      const bool goes = controller.tell(kTwo, limits, heartbeat, now) == Answer::desired;
      if (heartbeat.real_agents[0].version == "2" || !heartbeat.updates.empty()) {
        ++done;
      } else if (goes) {
        ++outcome.ever_ran;
        heartbeat = fails(random) ? updating(heartbeat.hostname, "1", "2", "rolled-back") : running(heartbeat.hostname, "2");
        EXPECT_TRUE(hosts.record(heartbeat, now));  // a heartbeat at once after each attempt
        EXPECT_EQ(controller.tell(kTwo, limits, heartbeat, now), Answer::desired);
      }
    }
    outcome.completed = done == size;
    if (outcome.completed) break;
  }
  return outcome;
}

TEST(Rollout, OfABadReleaseStopsItself) {
  for (unsigned seed = 0; seed < 8; ++seed) {
    EXPECT_LE(play(1.0, 2000, seed).ever_ran, 3);
    EXPECT_LE(play(0.2, 2000, seed).ever_ran, 60) << "seed " << seed;
    const Fleet good = play(0.0, 2000, seed);
    EXPECT_TRUE(good.completed);
    EXPECT_EQ(good.ever_ran, 2000);
  }
  EXPECT_TRUE(play(0.001, 20'000, 1).completed) << "old hardware fails";
}

}  // namespace
}  // namespace ops::tests
