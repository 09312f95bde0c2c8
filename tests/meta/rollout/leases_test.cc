#include "meta/rollout/leases.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace ops::tests {
namespace {

using meta::Admission;
using meta::Leases;
using meta::RolloutLimits;
using meta::RolloutReports;
using std::chrono::seconds;

constexpr Leases::TimePoint kNow{std::chrono::hours(500'000)};

struct LeasesTest : testing::Test {
  Admission request(const std::string& host, const RolloutReports& reports = {}, const std::string& version = "2") {
    return leases.request("a", version, host, limits, reports, now);
  }
  Leases::Counts counts(const std::string& version = "2") { return leases.counts("a", version, limits, now); }

  Leases leases;
  RolloutLimits limits;
  Leases::TimePoint now = kNow;
};

TEST_F(LeasesTest, RepeatTheirAnswer) {
  EXPECT_EQ(request("h1"), Admission::go);
  EXPECT_EQ(request("h2"), Admission::wait);
  EXPECT_EQ(request("h1"), Admission::go);
  EXPECT_EQ(counts(), (Leases::Counts{1, 0}));
}

TEST_F(LeasesTest, EndWithTheResult) {
  EXPECT_EQ(request("h1"), Admission::go);
  leases.end("a", "h1");
  EXPECT_EQ(counts(), (Leases::Counts{0, 0}));
  EXPECT_EQ(request("h2", {1, 1, 0}), Admission::go);
  leases.end("a", "stranger");
  leases.end("b", "h2");
  EXPECT_EQ(counts(), (Leases::Counts{1, 0}));
}

TEST_F(LeasesTest, BecomeFailuresAfterTheTimeout) {
  for (const std::string host : {"h1", "h2", "h3"}) {
    EXPECT_EQ(request(host), Admission::go);
    now += limits.timeout;
    EXPECT_EQ(request("other"), Admission::wait) << "exactly the timeout is not overdue";
    now += seconds(1);
  }
  EXPECT_EQ(counts(), (Leases::Counts{0, 3}));
  EXPECT_EQ(request("h4"), Admission::halted);
  EXPECT_EQ(request("h1"), Admission::go) << "it keeps its lease";
  leases.end("a", "h1");
  EXPECT_EQ(counts(), (Leases::Counts{0, 2}));
  EXPECT_EQ(request("h4"), Admission::go);
}

TEST_F(LeasesTest, EndWhenAnotherVersionIsRequested) {
  EXPECT_EQ(request("h1"), Admission::go);
  EXPECT_EQ(request("h1", {}, "3"), Admission::go);
  EXPECT_EQ(counts("2"), (Leases::Counts{0, 0}));
  EXPECT_EQ(counts("3"), (Leases::Counts{1, 0}));
  now += limits.timeout + seconds(1);
  EXPECT_EQ(counts("2"), (Leases::Counts{0, 0})) << "the first lease of h1 is not overdue";
  EXPECT_EQ(counts("3"), (Leases::Counts{0, 1}));
}

TEST_F(LeasesTest, OfOneAgentDoNotCountForAnother) {
  EXPECT_EQ(leases.request("a", "2", "h1", limits, {}, now), Admission::go);
  EXPECT_EQ(leases.request("b", "2", "h2", limits, {}, now), Admission::go);
}

TEST_F(LeasesTest, AreNotGrantedWhenTheRuleIsOff) {
  limits.parallel = 0;
  for (int i = 0; i < 100; ++i) EXPECT_EQ(request("h" + std::to_string(i), {0, 0, 50}), Admission::go);
  EXPECT_EQ(counts(), (Leases::Counts{0, 0}));
}

/// The hosts request in turn, and each host with a lease fails.
TEST_F(LeasesTest, LetABadReleaseReachThreeHosts) {
  std::set<int> had_it;
  for (int turn = 0; turn < 1000; ++turn) {
    const int host = turn % 100;
    if (had_it.contains(host)) continue;
    if (request(std::to_string(host), {0, 0, static_cast<uint32_t>(had_it.size())}) != Admission::go) continue;
    leases.end("a", std::to_string(host));
    had_it.insert(host);
  }
  EXPECT_EQ(had_it.size(), 3u);
}

/// Each host with a lease runs the version before the next round.
TEST_F(LeasesTest, LetAGoodReleaseDouble) {
  uint32_t running = 0;
  std::vector<uint32_t> steps;
  while (running < 1000) {
    uint32_t granted = 0;
    for (uint32_t host = running; host < 1000; ++host) {
      if (request(std::to_string(host), {running, running, 0}) == Admission::go) ++granted;
    }
    for (uint32_t host = running; host < running + granted; ++host) leases.end("a", std::to_string(host));
    running += granted;
    steps.push_back(running);
  }
  EXPECT_EQ(steps, (std::vector<uint32_t>{1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1000}));
}

}  // namespace
}  // namespace ops::tests
