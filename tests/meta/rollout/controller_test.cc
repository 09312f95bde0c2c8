#include "meta/rollout/controller.h"

#include <gtest/gtest.h>

#include <map>
#include <random>

#include "meta/rollout/policy.h"

namespace ops::tests {
namespace {

using meta::Admissions;
using meta::HostTable;
using meta::RolloutLimits;
using meta::Told;
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

struct AdmissionsTest : testing::Test {
  Told tell(const HeartbeatRequest& heartbeat, const DesiredAgent& desired = kTwo) {
    EXPECT_TRUE(hosts.record(heartbeat, now));
    return admissions.tell(desired, limits, heartbeat, now);
  }
  meta::RolloutState state() { return admissions.state("a", "2", limits, now); }

  HostTable hosts;
  Admissions admissions{hosts};
  RolloutLimits limits;
  Admissions::TimePoint now{std::chrono::hours(500'000)};
};

TEST_F(AdmissionsTest, TheFirstHostGoesAndOthersKeepWhatTheyHave) {
  EXPECT_EQ(tell(running("h1", "1")), Told::desired);
  EXPECT_EQ(tell(running("h2", "1")), Told::own);
  EXPECT_EQ(tell(empty("h3")), Told::nothing);
  EXPECT_EQ(tell(updating("h1", "1", "2", "downloading")), Told::desired) << "it has its lease";
}

TEST_F(AdmissionsTest, OthersFollowOnceItRunsPastProbation) {
  EXPECT_EQ(tell(running("h1", "1")), Told::desired);
  EXPECT_EQ(tell(updating("h1", "2", "2", "probation")), Told::desired);
  EXPECT_EQ(tell(running("h2", "1")), Told::own) << "not proven yet";
  EXPECT_EQ(tell(running("h1", "2")), Told::desired);
  EXPECT_EQ(tell(running("h2", "1")), Told::desired);
  EXPECT_EQ(tell(running("h3", "1")), Told::own) << "one at a time while one has it";
}

TEST_F(AdmissionsTest, AGoUpdaterIsJudgedByWhatItRuns) {
  HeartbeatRequest go{"h1", {{"a", "1", "started", 0}}, {}, "", ""};
  EXPECT_EQ(tell(go), Told::desired);
  go.real_agents[0] = {"a", "2", "stoped", 0};
  EXPECT_EQ(tell(go), Told::desired);
  EXPECT_EQ(state().leases.inflight, 1u);
  go.real_agents[0].status = "a started, pid=12";
  EXPECT_EQ(tell(go), Told::desired);
  EXPECT_EQ(state().leases.inflight, 0u);
}

// Its lease would run out in silence, and three such hosts would halt a good release.
TEST_F(AdmissionsTest, AHostThatHoldsTheAgentTakesNoPart) {
  EXPECT_EQ(tell(updating("h1", "1", "1", "held")), Told::own);
  EXPECT_EQ(tell(updating("h1", "1", "2", "held")), Told::own);
  HeartbeatRequest without = empty("h2");
  without.updates = {{"a", "2", "held", 0, 0, 0, 0, "desiredAgent is b"}};
  EXPECT_EQ(tell(without), Told::desired) << "so that it goes on to say that it holds it";
  EXPECT_EQ(state().leases.inflight, 0u);
  EXPECT_EQ(tell(running("h3", "1")), Told::desired);
  EXPECT_EQ(tell(updating("h3", "1", "1", "held")), Told::own) << "held after it was told";
  EXPECT_EQ(state().leases.inflight, 0u);
  EXPECT_EQ(tell(running("h1", "1")), Told::desired) << "held no more";
}

TEST_F(AdmissionsTest, AHostThatFailedIsToldTheSameAgain) {
  EXPECT_EQ(tell(running("h1", "1")), Told::desired);
  EXPECT_EQ(tell(updating("h1", "1", "2", "rolled-back")), Told::desired) << "else it would drop its latch";
  EXPECT_EQ(state().leases.inflight, 0u);
  EXPECT_EQ(state().reports.broken, 1u);
}

TEST_F(AdmissionsTest, ThreeFailuresHaltARelease) {
  for (const std::string host : {"h1", "h2", "h3"}) {
    EXPECT_EQ(tell(running(host, "1")), Told::desired) << host;
    EXPECT_EQ(tell(updating(host, "1", "2", host == "h2" ? "failed" : "rolled-back")), Told::desired);
  }
  EXPECT_TRUE(state().is_halted);
  for (int i = 4; i < 100; ++i) EXPECT_EQ(tell(running("h" + std::to_string(i), "1")), Told::own);
}

TEST_F(AdmissionsTest, SilenceIsAFailure) {
  for (const std::string host : {"h1", "h2", "h3"}) {
    EXPECT_EQ(tell(running(host, "1")), Told::desired) << host;
    now += limits.timeout + seconds(1);
  }
  EXPECT_EQ(tell(running("h4", "1")), Told::own);
  EXPECT_TRUE(state().is_halted);
  EXPECT_EQ(tell(running("h1", "2")), Told::desired);
  EXPECT_FALSE(state().is_halted) << "h1 runs it after all";
}

TEST_F(AdmissionsTest, NothingElseIsHeldUp) {
  EXPECT_EQ(tell(running("h1", "1")), Told::desired);
  EXPECT_EQ(tell(running("h2", "2")), Told::desired) << "it has it";
  DesiredAgent stop = kTwo;
  stop.cmd = "stop";
  EXPECT_EQ(tell(running("h3", "1"), stop), Told::desired);
  stop.cmd = "";
  EXPECT_EQ(tell(running("h3", "1"), stop), Told::desired);
  limits.parallel = 0;
  EXPECT_EQ(tell(running("h3", "1")), Told::desired);
}

TEST_F(AdmissionsTest, YesterdaysVersionIsProven) {
  for (int i = 0; i < 1000; ++i) tell(running("h" + std::to_string(i), "2"));
  for (int i = 0; i < 1000; ++i) EXPECT_TRUE(hosts.record(running("h" + std::to_string(i), "3"), now));
  EXPECT_EQ(state().reports.running, 0u);
  EXPECT_EQ(state().reports.proven, 1000u);
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(tell(running("h" + std::to_string(i), "3")), Told::desired);
}

TEST_F(AdmissionsTest, WhoKnowsNothingLearnsFirst) {
  admissions.learn_first(now);
  EXPECT_EQ(tell(running("h1", "1")), Told::own);
  EXPECT_EQ(tell(running("h2", "2")), Told::desired);
  EXPECT_EQ(tell(updating("h3", "1", "2", "rolled-back")), Told::desired);
  EXPECT_EQ(tell(empty("h4")), Told::desired) << "a first install breaks nothing that runs";
  now += Admissions::kLearnFor;
  EXPECT_EQ(tell(running("h4", "2")), Told::desired);
  EXPECT_EQ(tell(running("h1", "1")), Told::desired);
}

TEST_F(AdmissionsTest, LeasesOutliveARestart) {
  EXPECT_EQ(tell(running("h1", "1")), Told::desired);
  now += seconds(100);
  Admissions restarted(hosts);
  restarted.restore(admissions.leases().all());
  EXPECT_EQ(restarted.tell(kTwo, limits, running("h2", "1"), now), Told::own);
  EXPECT_EQ(restarted.tell(kTwo, limits, running("h1", "1"), now), Told::desired);
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
  Admissions admissions(hosts);
  const RolloutLimits limits;
  Admissions::TimePoint now{std::chrono::hours(500'000)};
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
      const bool goes = admissions.tell(kTwo, limits, heartbeat, now) == Told::desired;
      if (heartbeat.real_agents[0].version == "2" || !heartbeat.updates.empty()) {
        ++done;
      } else if (goes) {
        ++outcome.ever_ran;
        heartbeat = fails(random) ? updating(heartbeat.hostname, "1", "2", "rolled-back") : running(heartbeat.hostname, "2");
        EXPECT_TRUE(hosts.record(heartbeat, now));  // a heartbeat at once after each attempt
        EXPECT_EQ(admissions.tell(kTwo, limits, heartbeat, now), Told::desired);
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
