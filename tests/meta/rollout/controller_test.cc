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

/// The heartbeat of a host that runs this version.
HeartbeatRequest running(const std::string& host, const std::string& version) {
  return {host, {{"a", version, "started", 0}}, {}, "1.0.0", "linux_amd64"};
}

/// The same host with an update to version `to` in this phase.
HeartbeatRequest updating(const std::string& host, const std::string& version, const std::string& to,
                          const std::string& phase) {
  HeartbeatRequest heartbeat = running(host, version);
  heartbeat.updates = {{"a", to, phase, 0, 0, 1, 0, ""}};
  return heartbeat;
}

HeartbeatRequest empty(const std::string& host) { return {host, {}, {}, "1.0.0", "linux_amd64"}; }

struct RolloutControllerTest : testing::Test {
  Answer decide(const HeartbeatRequest& heartbeat, const DesiredAgent& desired = kTwo) {
    EXPECT_TRUE(hosts.record(heartbeat, now));
    return controller.decide(desired, limits, heartbeat, now);
  }
  meta::RolloutState state() { return controller.state("a", "2", limits, now); }

  HostTable hosts;
  RolloutController controller{hosts};
  RolloutLimits limits;
  RolloutController::TimePoint now{std::chrono::hours(500'000)};
};

TEST_F(RolloutControllerTest, TheFirstHostChangesAndOthersKeepTheirVersion) {
  EXPECT_EQ(decide(running("h1", "1")), Answer::desired);
  EXPECT_EQ(decide(running("h2", "1")), Answer::own);
  EXPECT_EQ(decide(empty("h3")), Answer::nothing);
  EXPECT_EQ(decide(updating("h1", "1", "2", "downloading")), Answer::desired) << "it has a lease";
}

TEST_F(RolloutControllerTest, TheNextHostChangesAfterTheProbation) {
  EXPECT_EQ(decide(running("h1", "1")), Answer::desired);
  EXPECT_EQ(decide(updating("h1", "2", "2", "probation")), Answer::desired);
  EXPECT_EQ(decide(running("h2", "1")), Answer::own) << "no host is past the probation";
  EXPECT_EQ(decide(running("h1", "2")), Answer::desired);
  EXPECT_EQ(decide(running("h2", "1")), Answer::desired);
  EXPECT_EQ(decide(running("h3", "1")), Answer::own) << "one lease while one host runs it";
}

TEST_F(RolloutControllerTest, AGoUpdaterReportsItsResultByItsStatus) {
  HeartbeatRequest go{"h1", {{"a", "1", "started", 0}}, {}, "", ""};
  EXPECT_EQ(decide(go), Answer::desired);
  go.real_agents[0] = {"a", "2", "stoped", 0};
  EXPECT_EQ(decide(go), Answer::desired);
  EXPECT_EQ(state().leases.inflight, 1u);
  go.real_agents[0].status = "a started, pid=12";
  EXPECT_EQ(decide(go), Answer::desired);
  EXPECT_EQ(state().leases.inflight, 0u);
}

// A lease of such a host would become overdue, and three of them would halt a good release.
TEST_F(RolloutControllerTest, AHostThatHoldsTheAgentGetsNoLease) {
  EXPECT_EQ(decide(updating("h1", "1", "1", "held")), Answer::own);
  EXPECT_EQ(decide(updating("h1", "1", "2", "held")), Answer::own);
  HeartbeatRequest without = empty("h2");
  without.updates = {{"a", "2", "held", 0, 0, 0, 0, "desiredAgent is b"}};
  EXPECT_EQ(decide(without), Answer::desired) << "so that it goes on to report the hold";
  EXPECT_EQ(state().leases.inflight, 0u);
  EXPECT_EQ(decide(running("h3", "1")), Answer::desired);
  EXPECT_EQ(decide(updating("h3", "1", "1", "held")), Answer::own) << "held after it got its lease";
  EXPECT_EQ(state().leases.inflight, 0u);
  EXPECT_EQ(decide(running("h1", "1")), Answer::desired) << "no longer held";
}

TEST_F(RolloutControllerTest, AFailedHostIsToldTheSameVersionAgain) {
  EXPECT_EQ(decide(running("h1", "1")), Answer::desired);
  EXPECT_EQ(decide(updating("h1", "1", "2", "rolled-back")), Answer::desired) << "without it the host would drop its latch";
  EXPECT_EQ(state().leases.inflight, 0u);
  EXPECT_EQ(state().reports.broken, 1u);
}

TEST_F(RolloutControllerTest, ThreeFailuresHaltARelease) {
  for (const std::string host : {"h1", "h2", "h3"}) {
    EXPECT_EQ(decide(running(host, "1")), Answer::desired) << host;
    EXPECT_EQ(decide(updating(host, "1", "2", host == "h2" ? "failed" : "rolled-back")), Answer::desired);
  }
  EXPECT_TRUE(state().is_halted);
  for (int i = 4; i < 100; ++i) EXPECT_EQ(decide(running("h" + std::to_string(i), "1")), Answer::own);
}

TEST_F(RolloutControllerTest, AnOverdueLeaseIsAFailure) {
  for (const std::string host : {"h1", "h2", "h3"}) {
    EXPECT_EQ(decide(running(host, "1")), Answer::desired) << host;
    now += limits.timeout + seconds(1);
  }
  EXPECT_EQ(decide(running("h4", "1")), Answer::own);
  EXPECT_TRUE(state().is_halted);
  EXPECT_EQ(decide(running("h1", "2")), Answer::desired);
  EXPECT_FALSE(state().is_halted) << "h1 runs it at last";
}

TEST_F(RolloutControllerTest, StopAndTheSameVersionAreNeverHeldBack) {
  EXPECT_EQ(decide(running("h1", "1")), Answer::desired);
  EXPECT_EQ(decide(running("h2", "2")), Answer::desired) << "it has this version";
  DesiredAgent stop = kTwo;
  stop.cmd = "stop";
  EXPECT_EQ(decide(running("h3", "1"), stop), Answer::desired);
  stop.cmd = "";
  EXPECT_EQ(decide(running("h3", "1"), stop), Answer::desired);
  limits.parallel = 0;
  EXPECT_EQ(decide(running("h3", "1")), Answer::desired);
}

TEST_F(RolloutControllerTest, AnEarlierVersionReturnsToAllHostsAtOnce) {
  for (int i = 0; i < 1000; ++i) decide(running("h" + std::to_string(i), "2"));
  for (int i = 0; i < 1000; ++i) EXPECT_TRUE(hosts.record(running("h" + std::to_string(i), "3"), now));
  EXPECT_EQ(state().reports.running, 0u);
  EXPECT_EQ(state().reports.peak, 1000u);
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(decide(running("h" + std::to_string(i), "3")), Answer::desired);
}

TEST_F(RolloutControllerTest, TheWarmUpKeepsInstalledVersions) {
  controller.start_warm_up(now);
  EXPECT_EQ(decide(running("h1", "1")), Answer::own);
  EXPECT_EQ(decide(running("h2", "2")), Answer::desired);
  EXPECT_EQ(decide(updating("h3", "1", "2", "rolled-back")), Answer::desired);
  EXPECT_EQ(decide(empty("h4")), Answer::desired) << "a first install stops no running agent";
  now += RolloutController::kWarmUp - seconds(1);
  controller.tick(now);
  EXPECT_EQ(decide(running("h1", "1")), Answer::own);
  now += seconds(1);
  controller.tick(now);
  EXPECT_EQ(decide(running("h4", "2")), Answer::desired);
  EXPECT_EQ(decide(running("h1", "1")), Answer::desired);
}

TEST_F(RolloutControllerTest, TheWarmUpLastsAFifthLongerThanTheLongestInterval) {
  limits.timeout = seconds(10);
  controller.start_warm_up(now, seconds(30));
  EXPECT_EQ(controller.warm_up_left(now), seconds(36)) << "the longest interval before the crash";
  HeartbeatRequest slow = running("h1", "1");
  slow.interval = 1000;
  EXPECT_EQ(decide(slow), Answer::own);
  EXPECT_EQ(controller.warm_up_left(now), seconds(1200));
  slow.interval = 86400;
  EXPECT_EQ(decide(slow), Answer::own);
  EXPECT_EQ(controller.warm_up_left(now), seconds(4320)) << "one odd host must not stop rollouts for a day";
  now += seconds(4320);
  controller.tick(now);
  EXPECT_EQ(decide(slow), Answer::desired);
}

TEST_F(RolloutControllerTest, LeasesSurviveARestart) {
  EXPECT_EQ(decide(running("h1", "1")), Answer::desired);
  now += seconds(100);
  RolloutController restarted(hosts);
  restarted.restore(controller.leases().all());
  EXPECT_EQ(restarted.decide(kTwo, limits, running("h2", "1"), now), Answer::own);
  EXPECT_EQ(restarted.decide(kTwo, limits, running("h1", "1"), now), Answer::desired);
  now += limits.timeout - seconds(99);
  EXPECT_EQ(restarted.state("a", "2", limits, now).leases, (meta::Leases::Counts{0, 1}));
}

/// Simulates a fleet in which a host that gets a lease fails with probability `failing` by its next heartbeat.
struct Outcome {
  int ever_ran = 0;  // hosts that got a lease
  bool completed = false;
};
Outcome simulate(double failing, int size, unsigned seed) {
  HostTable hosts;
  RolloutController controller(hosts);
  const RolloutLimits limits;
  RolloutController::TimePoint now{std::chrono::hours(500'000)};
  std::mt19937 random(seed);
  std::bernoulli_distribution fails(failing);
  std::map<int, HeartbeatRequest> fleet;
  for (int i = 0; i < size; ++i) fleet[i] = running("h" + std::to_string(i), "1");
  Outcome outcome;
  for (int round = 0; round < 40; ++round) {
    int done = 0;
    for (auto& [i, heartbeat] : fleet) {
      now += std::chrono::milliseconds(300'000 / size);
      EXPECT_TRUE(hosts.record(heartbeat, now));
      const bool goes = controller.decide(kTwo, limits, heartbeat, now) == Answer::desired;
      if (heartbeat.real_agents[0].version == "2" || !heartbeat.updates.empty()) {
        ++done;
      } else if (goes) {
        ++outcome.ever_ran;
        heartbeat = fails(random) ? updating(heartbeat.hostname, "1", "2", "rolled-back") : running(heartbeat.hostname, "2");
        EXPECT_TRUE(hosts.record(heartbeat, now));  // a heartbeat at once after each attempt
        EXPECT_EQ(controller.decide(kTwo, limits, heartbeat, now), Answer::desired);
      }
    }
    outcome.completed = done == size;
    if (outcome.completed) break;
  }
  return outcome;
}

TEST(Rollout, ABadReleaseStopsItself) {
  for (unsigned seed = 0; seed < 8; ++seed) {
    EXPECT_LE(simulate(1.0, 2000, seed).ever_ran, 3);
    EXPECT_LE(simulate(0.2, 2000, seed).ever_ran, 60) << "seed " << seed;
    const Outcome good = simulate(0.0, 2000, seed);
    EXPECT_TRUE(good.completed);
    EXPECT_EQ(good.ever_ran, 2000);
  }
  EXPECT_TRUE(simulate(0.001, 20'000, 1).completed) << "a few hosts always fail";
}

}  // namespace
}  // namespace ops::tests
