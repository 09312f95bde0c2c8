// Rollouts in simulated time (simulated_rollout.h), with the default limits and an interval of 300 s: a release that fails late
// reaches few hosts, and a good one reaches all hosts in spite of hosts that die, reboot and flap.
//
// The fleets have 1,000 to 20,000 hosts; with OPS_ROLLOUT_HOSTS (`./control test rollout`) up to a million, and more seeds.

#include "tests/fleet/simulated_rollout.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <iostream>

#include "tests/support/measure.h"

namespace ops::tests {
namespace {

using namespace ops::fleet;

constexpr double kMinute = 60;
constexpr double kHour = 3600;

bool is_full() { return std::getenv("OPS_ROLLOUT_HOSTS") != nullptr; }
/// In the default run a part of the hosts or seeds.
uint32_t scaled(uint32_t full, uint32_t part) { return is_full() ? full : kSanitized ? part / 10 : part; }

constexpr SimulatedBackground kUsual{.reboots = 0.005, .deaths = 0.001, .flapping = 0.02};

SimulationOptions fleet(uint32_t hosts, unsigned seed) {
  SimulationOptions options;
  options.hosts = hosts;
  options.seed = seed;
  options.background = kUsual;
  return options;
}

/// Expects that a bad release reaches few hosts in six hours and is halted, with three seeds.
void expect_few(const std::string& what, const SimulatedRelease& release, uint32_t most) {
  for (unsigned seed = 1; seed <= 3; ++seed) {
    SimulationOptions options = fleet(scaled(20'000, 2'000), seed);
    options.release = release;
    SimulatedRollout rollout(options);
    rollout.run(6 * kHour);
    std::cout << what << ": " << rollout.told() << " of " << options.hosts << " hosts were told to change (limit " << most
              << "), seed " << seed << "; " << rollout.why_halted() << "\n";
    EXPECT_LE(rollout.told(), most) << what << ", seed " << seed;
    EXPECT_TRUE(rollout.state().is_halted) << what << ", seed " << seed;
  }
}

TEST(SimulatedRollout, OfAReleaseThatStartsNowhereReachesThreeHosts) { expect_few("starts nowhere", {.starts_not = 1}, 3); }

TEST(SimulatedRollout, OfAReleaseThatDiesAfter15MinutesReaches16Hosts) {
  expect_few("dies after 15 min", {.dies_after = 15 * kMinute}, 16);
  expect_few("dies after 15 min and does not start again", {.dies_after = 15 * kMinute, .starts_again = false}, 16);
}

TEST(SimulatedRollout, OfAReleaseThatSilencesHostsAfter15MinutesReaches32Hosts) {
  expect_few("silences hosts after 15 min", {.silent_after = 15 * kMinute}, 32);
}

TEST(SimulatedRollout, OfAReleaseThatDiesAfterAnHourReaches256Hosts) {
  expect_few("dies after an hour", {.dies_after = kHour, .starts_again = false}, 256);
}

TEST(SimulatedRollout, OfAReleaseThatDiesLateOnATenthOfTheHostsReaches500Hosts) {
  expect_few("dies after 15 min on 10 %", {.dies_after = 15 * kMinute, .dies_on = 0.1, .starts_again = false}, 500);
}

TEST(SimulatedRollout, OfAReleaseThatDiesAgainAndAgainReaches16Hosts) {
  expect_few("dies every 2 min", {.dies_after = 2 * kMinute}, 16);
}

/// Returns the time until 99.9 % of the hosts run the release.
double expect_done(SimulationOptions options, const std::string& what, double limit) {
  SimulatedRollout rollout(options);
  const bool done = rollout.run(limit);
  std::cout << what << ": " << options.hosts << " hosts after " << rollout.now() / kMinute << " minutes (limit "
            << limit / kMinute << ")" << (rollout.was_halted() ? ", halted meanwhile" : "") << "\n";
  EXPECT_TRUE(done) << what << "; " << rollout.state().reports.running << " hosts run it; " << rollout.why_halted();
  return rollout.now();
}

TEST(SimulatedRollout, OfAGoodReleaseReachesAllHostsInSpiteOfTheUsualTrouble) {
  expect_done(fleet(1'000, 1), "good, 1,000 hosts", 2.5 * kHour);
  expect_done(fleet(scaled(1'000'000, 20'000), 1), "good, many hosts", 6 * kHour);
}

TEST(SimulatedRollout, OfAGoodReleaseIsNotHalted) {
  const unsigned runs = is_full() ? 20 : 2;
  for (unsigned seed = 1; seed <= runs; ++seed) {
    SimulatedRollout rollout(fleet(scaled(20'000, 5'000), seed));
    EXPECT_TRUE(rollout.run(6 * kHour)) << "seed " << seed;
    EXPECT_FALSE(rollout.was_halted()) << "seed " << seed;
  }
}

TEST(SimulatedRollout, GoesOnWhenATenthOfTheHostsWasSilent) {
  for (const double from : {30 * kMinute, kHour}) {
    SimulationOptions options = fleet(scaled(20'000, 2'000), 1);
    options.background.dark = 0.1;
    options.background.dark_from = from;
    options.background.dark_until = from + 20 * kMinute;
    SimulatedRollout rollout(options);
    EXPECT_TRUE(rollout.run(6 * kHour)) << rollout.why_halted();
    std::cout << "a tenth dark from minute " << from / kMinute << ": done after " << rollout.now() / kMinute << " minutes"
              << (rollout.was_halted() ? ", halted meanwhile" : "") << "\n";
  }
}

TEST(SimulatedRollout, IsDoneWithinAnHourAfterATenthOfTheHostsWasSilentAtItsEnd) {
  SimulationOptions options = fleet(1'000, 2);
  options.background.dark = 0.1;
  options.background.dark_from = 110 * kMinute;
  options.background.dark_until = 130 * kMinute;
  expect_done(options, "a tenth dark at the end", 190 * kMinute);
}

TEST(SimulatedRollout, WithoutASoakIsAsFastAsBefore) {
  SimulationOptions options = fleet(scaled(1'000'000, 50'000), 1);
  options.background = {};
  options.limits.soak = std::chrono::seconds(0);
  expect_done(options, "soak 0", 25 * kMinute);
}

TEST(SimulatedRollout, OfHostsThatReportNoIntervalIsAsFastAsBefore) {
  SimulationOptions options = fleet(scaled(100'000, 20'000), 1);
  options.background = {};
  options.reports_interval = false;
  expect_done(options, "no interval reported", 25 * kMinute);
}

TEST(SimulatedRollout, BackToTheVersionBeforeTakes8Minutes) {
  SimulatedRollout rollout(fleet(scaled(1'000'000, 10'000), 1));
  ASSERT_TRUE(rollout.run(6 * kHour));
  const double begin = rollout.now();
  rollout.go_back();
  EXPECT_TRUE(rollout.run(8 * kMinute)) << rollout.state().reports.running;
  std::cout << "the way back: " << (rollout.now() - begin) / kMinute << " minutes\n";
}

/// The table in meta/README.md, without trouble.
TEST(SimulatedRollout, HasThePaceOfTheManual) {
  struct Case {
    uint32_t hosts;
    double most;               // minutes
    double most_without_soak;  // minutes
  };
  for (const Case& c : std::initializer_list<Case>{{10, 60, 10}, {1'000, 130, 20}, {100'000, 210, 25}, {1'000'000, 260, 25}}) {
    if (c.hosts > scaled(1'000'000, 10'000)) break;
    SimulationOptions options = fleet(c.hosts, 1);
    options.background = {};
    expect_done(options, "with a soak", c.most * kMinute);
    options.limits.soak = std::chrono::seconds(0);
    expect_done(options, "without a soak", c.most_without_soak * kMinute);
  }
}

TEST(SimulatedRollout, ReachesTheOnlyHostAtOnce) {
  SimulationOptions options = fleet(1, 1);
  options.background = {};
  expect_done(options, "one host", 6 * kMinute);
}

}  // namespace
}  // namespace ops::tests
