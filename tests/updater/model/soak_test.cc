// The rows of the table in updater/model/plan.h for a soak, and the spans of updater/model/soak.h.

#include "updater/model/soak.h"

#include <gtest/gtest.h>

#include "tests/updater/model/plan_fixture.h"

namespace ops::updater {
namespace {

constexpr int64_t kLength = 600;
constexpr int64_t kBegin = 1000;  // of the soak, in seconds since the boot

BootTime at(int64_t seconds, const std::string& boot_id = "boot") { return {boot_id, kBegin + seconds, kNow + seconds}; }

/// Version 2 passed its probation at(0). It replaced version 1.
Observed soaking(Status status, int64_t deaths = 0) {
  Observed seen = in_probation(status, kNow);
  seen.state.probation->soak = kLength;
  seen.state.soak = soak_after(*seen.state.probation, at(0));
  seen.state.soak->deaths = deaths;
  seen.state.previous = "1";
  seen.state.probation.reset();
  return seen;
}

/// Like soaking(), but new content replaced that of the same version.
Observed soaking_content(Status status) {
  Observed seen = soaking(status);
  seen.state.soak->previous = "2";
  seen.releases = {{"2", kNew, false, 200}, {"2", kOld, true, 100}};
  seen.staging = {".reserve", ".staged-2"};
  return seen;
}

Decision decide(const Observed& seen, const DesiredAgent& desired, int64_t seconds, const Circumstances& around = {}) {
  return plan(seen, &desired, around, at(seconds));
}

TEST(PlanOfASoak, LeavesAStartedAgentAsItIs) {
  EXPECT_EQ(decide(soaking(Status::started), desire("2"), 599), Decision{});
  EXPECT_EQ(plan(soaking(Status::started), nullptr, {}, at(1)), Decision{}) << "ops-meta has not answered yet";
}

TEST(PlanOfASoak, EndsItWhenItsTimeIsOver) {
  EXPECT_EQ(decide(soaking(Status::started), desire("2"), 600).action, Action::end_soak);
  EXPECT_EQ(decide(soaking(Status::started, 2), desire("2"), 600).action, Action::end_soak);
  EXPECT_EQ(decide(soaking(Status::stopped, 2), desire("2"), 600).action, Action::start) << "too late for a rollback";
}

TEST(PlanOfASoak, StartsADeadAgentTwiceAndThenRollsBack) {
  EXPECT_EQ(decide(soaking(Status::stopped, 0), desire("2"), 9).action, Action::start);
  EXPECT_EQ(decide(soaking(Status::stopped, 1), desire("2"), 9).action, Action::start);
  Circumstances around;
  around.start_error = "2 did not start: no such library";
  EXPECT_EQ(
      decide(soaking(Status::stopped, 2), desire("2"), 9, around),
      (Decision{Action::roll_back, false, Phase::switching,
                "was \"stoped\" for the third time in its soak of 600 s; its last start: 2 did not start: no such library"}));
  around.control_paused = true;
  EXPECT_EQ(decide(soaking(Status::stopped, 2), desire("2"), 9, around).action, Action::none);
  EXPECT_EQ(decide(soaking(Status::stopped, 1), desire("2"), 9, around).action, Action::none);
}

TEST(PlanOfASoak, NeedsNoOpsMeta) {
  EXPECT_EQ(plan(soaking(Status::stopped, 1), nullptr, {}, at(9)).action, Action::start);
  EXPECT_EQ(plan(soaking(Status::stopped, 2), nullptr, {}, at(9)).action, Action::roll_back);
}

TEST(PlanOfASoak, TakesAnUnclearStatusForADeathOnlyIfItStays) {
  EXPECT_EQ(decide(soaking(Status::unclear, 2), desire("2"), 9), Decision{});
  const Circumstances for_long{false, false, false, 2, true};
  EXPECT_EQ(decide(soaking(Status::unclear, 1), desire("2"), 9, for_long).action, Action::start);
  EXPECT_EQ(decide(soaking(Status::unclear, 2), desire("2"), 9, for_long).action, Action::roll_back);
}

TEST(PlanOfASoak, CountsNoDeathAcrossABoot) {
  EXPECT_EQ(plan(soaking(Status::stopped, 2), nullptr, {}, at(9, "other")).action, Action::start);
}

TEST(PlanOfASoak, PreparesAndTakesAnotherVersion) {
  EXPECT_EQ(decide(soaking(Status::started), desire("3"), 9), (Decision{Action::none, true, Phase::waiting, ""}));
  EXPECT_EQ(decide(soaking(Status::stopped), desire("3"), 9).action, Action::start);
  EXPECT_TRUE(decide(soaking(Status::stopped), desire("3"), 9).prepare);
  EXPECT_TRUE(decide(soaking(Status::unclear), desire("3"), 9).prepare);
  EXPECT_EQ(decide(soaking(Status::stopped, 2), desire("1"), 9).action, Action::switch_over) << "1 is on the disk, no latch";
  EXPECT_EQ(decide(with_staged(soaking(Status::started), "3", ""), desire("3"), 9).action, Action::switch_over);
  EXPECT_EQ(fallback_version(soaking(Status::started), "3"), "2") << "2 has passed its probation";
}

TEST(PlanOfASoak, EndsItForAStopOrAHold) {
  EXPECT_EQ(decide(soaking(Status::started), desire("2", "stop"), 9).action, Action::stop) << "which ends the soak";
  EXPECT_EQ(decide(soaking(Status::stopped), desire("2", "stop"), 9).action, Action::end_soak);
  EXPECT_EQ(decide(soaking(Status::stopped, 2), desire("2", ""), 9).action, Action::end_soak);
  Observed seen = soaking(Status::stopped, 2);
  seen.hold = "being looked into";
  EXPECT_EQ(decide(seen, desire("2"), 9), (Decision{Action::end_soak, false, Phase::held, "the agent is held"}));
  Circumstances answered;
  answered.meta_answered = true;
  EXPECT_EQ(plan(soaking(Status::stopped, 2), nullptr, answered, at(9)).action, Action::end_soak) << "no longer named";
}

TEST(PlanOfASoak, EndsItIfAnotherReleaseIsInstalled) {
  Observed seen = soaking(Status::started);
  seen.version = "1";
  EXPECT_EQ(decide(seen, desire("1"), 9).action, Action::end_soak);
  seen = soaking_content(Status::started);
  seen.checksum = kOld;
  EXPECT_EQ(decide(seen, desire("2"), 9).action, Action::end_soak);
}

TEST(PlanOfASoak, EndsItBeforeTheStagingOfTheContentBeforeIsReplaced) {
  const std::string third = "00000000000000000000000000000003";
  EXPECT_EQ(decide(soaking_content(Status::started), desire("2", "start", third), 9).action, Action::end_soak);
  EXPECT_FALSE(decide(soaking_content(Status::started), desire("2", "start", third), 9).prepare);
  EXPECT_TRUE(decide(soaking_content(Status::started), desire("3"), 9).prepare);
  EXPECT_EQ(decide(soaking_content(Status::started), desire("2", "start", kOld), 9).action, Action::switch_over);
}

TEST(PlanOfASoak, KeepsTheVersionBefore) {
  Observed seen = soaking(Status::started);
  seen.staging = {".reserve"};
  EXPECT_TRUE(leftovers(seen, 1).empty());
  EXPECT_TRUE(leftovers(with_latch(seen, "1", kOld), 1).empty());
  EXPECT_TRUE(leftovers(soaking_content(Status::started), 1).empty());
  seen.state.soak.reset();
  EXPECT_EQ(leftovers(seen, 1), (std::vector<std::string>{".reserve", "1"}));
}

TEST(Soak, EndsByTheClockOfTheBootAndAfterAnotherBootByTheWallClock) {
  const Soak soak = *soaking(Status::started).state.soak;
  EXPECT_FALSE(is_over(soak, {"boot", kBegin + 599, kNow + 9999}));
  EXPECT_TRUE(is_over(soak, {"boot", kBegin + 600, kNow - 9999}));
  EXPECT_FALSE(is_over(soak, {"other", 9999, kNow + 599}));
  EXPECT_TRUE(is_over(soak, {"other", 0, kNow + 600}));
  EXPECT_TRUE(is_over(soak, {"other", 0, kNow - 1})) << "the clock was set back";
  EXPECT_FALSE(is_over(soak, {"", 9999, kNow + 599}));
}

TEST(Soak, BeginsAgainWithEachStart) {
  State state = soaking(Status::stopped).state;
  EXPECT_TRUE(note_start(state, "2", at(500)));
  EXPECT_EQ(state.soak->deaths, 1);
  EXPECT_FALSE(is_over(*state.soak, at(1099)));
  EXPECT_TRUE(is_over(*state.soak, at(1100)));
  EXPECT_TRUE(note_start(state, "2", at(550, "other")));
  EXPECT_EQ(state.soak->deaths, 0) << "the machine booted";
  EXPECT_FALSE(is_over(*state.soak, at(1149, "other")));
  EXPECT_TRUE(note_start(state, "2", at(560, "other")));
  EXPECT_EQ(state.soak->deaths, 1);
}

TEST(Soak, IsNoLongerKeptAfterAStartThatComesTooLate) {
  State state = soaking(Status::stopped).state;
  EXPECT_TRUE(note_start(state, "2", at(600)));
  EXPECT_EQ(state.soak, std::nullopt);
  EXPECT_FALSE(note_start(state, "2", at(601)));
  state = soaking(Status::stopped).state;
  EXPECT_TRUE(note_start(state, "1", at(1)));
  EXPECT_EQ(state.soak, std::nullopt) << "of another version";
}

}  // namespace
}  // namespace ops::updater
