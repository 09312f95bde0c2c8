// Every row of the state table at the top of updater/model/plan.h, in its order.

#include "updater/model/plan.h"

#include <gtest/gtest.h>

#include "tests/updater/model/plan_fixture.h"

namespace ops::updater {
namespace {

Decision decide(const Observed& seen, const DesiredAgent& desired, const Circumstances& around = {}) {
  return plan(seen, &desired, around, BootTime{"", 0, kNow});
}

Decision decide_without_meta(const Observed& seen) { return plan(seen, nullptr, {}, BootTime{"", 0, kNow}); }

TEST(Plan, DoesNothingToAHeldAgent) {
  Observed seen = with_staged(installed(Status::stopped), "2");
  seen.hold = "being looked into";
  EXPECT_EQ(decide(seen, desire("2")), (Decision{Action::none, false, Phase::held, "being looked into"}));
  EXPECT_EQ(decide(seen, desire("1", "stop")).action, Action::none);
}

TEST(Plan, RollsBackALatchedProbationEvenWithoutMeta) {
  const Observed seen = with_latch(in_probation(Status::started, 0), "2");
  EXPECT_EQ(decide(seen, desire("2")).action, Action::roll_back);
  EXPECT_EQ(decide(seen, desire("2")).reason, "it did not start");
  EXPECT_EQ(decide_without_meta(seen).action, Action::roll_back);
}

TEST(Plan, ContinuesARollbackAfterVersionFileWasRestored) {
  Observed seen = with_latch(installed(Status::stopped), "2");
  seen.state.probation = Probation{"2", "1", kNew, 0};
  EXPECT_EQ(decide_without_meta(seen).action, Action::roll_back);
}

TEST(Plan, StopsAnAgentInProbationWhenMetaSaysStop) {
  EXPECT_EQ(decide(in_probation(Status::started, kNow + 9), desire("2", "stop")).action, Action::stop);
}

TEST(Plan, SwitchesDuringProbationWhenMetaDesiresAnotherReadyVersion) {
  const Observed seen = with_staged(in_probation(Status::started, kNow + 9), "3", "");
  EXPECT_EQ(decide(seen, desire("3")).action, Action::switch_over);
  EXPECT_EQ(fallback_version(seen, "3"), "1") << "2 has not passed its probation";
  EXPECT_EQ(decide(in_probation(Status::started, kNow + 9), desire("3")).phase, Phase::probation) << "3 is not ready";
}

TEST(Plan, ResumesASwitchThatWasInterruptedBeforeTheStart) {
  EXPECT_EQ(decide(in_probation(Status::stopped, 0), desire("2")).action, Action::resume_probation);
  EXPECT_EQ(decide_without_meta(in_probation(Status::stopped, 0)).action, Action::resume_probation);
}

TEST(Plan, RollsBackAReleaseWhoseStartsWereCutShortTwice) {
  Observed seen = in_probation(Status::stopped, 0);
  seen.state.probation->starts = 1;
  EXPECT_EQ(decide(seen, desire("2")).action, Action::resume_probation);
  seen.state.probation->starts = 2;
  EXPECT_EQ(decide(seen, desire("2")).action, Action::roll_back);
  EXPECT_EQ(decide_without_meta(seen).action, Action::roll_back);
  EXPECT_EQ(decide_without_meta(seen).reason,
            "2 starts of 2 were cut short: the updater or the host ended during each of them");
  seen.status = Status::started;
  EXPECT_EQ(decide(seen, desire("2")).action, Action::resume_probation) << "the second start ended well";
}

TEST(Plan, DoesNothingDuringAControlPause) {
  Circumstances around;
  around.control_paused = true;
  EXPECT_EQ(decide(in_probation(Status::stopped, 0), desire("2"), around).action, Action::none);
  EXPECT_EQ(decide(in_probation(Status::stopped, kNow + 9), desire("2"), around).action, Action::none);
  EXPECT_EQ(decide(in_probation(Status::started, kNow), desire("2"), around).action, Action::none);
  EXPECT_EQ(decide(installed(), desire("1", "stop"), around).action, Action::none);
}

// The probation ends 530 s after the boot.
TEST(Plan, EndsTheProbationByTheClockOfTheBoot) {
  Observed seen = in_probation(Status::started, kNow + 30);
  seen.state.probation->boot_id = "boot";
  seen.state.probation->until_since_boot = 530;
  const auto at = [&](const std::string& boot_id, int64_t since_boot, int64_t wall) {
    const DesiredAgent desired = desire("2");
    return plan(seen, &desired, {}, BootTime{boot_id, since_boot, wall});
  };
  EXPECT_EQ(at("boot", 529, kNow + 3600).phase, Phase::probation) << "the clock was set forward";
  EXPECT_EQ(at("boot", 529, kNow - 3000).phase, Phase::probation);
  EXPECT_EQ(at("boot", 530, kNow - 3000).action, Action::pass_probation) << "the clock was set back";
  EXPECT_EQ(at("boot", 530, kNow - 86'400).action, Action::pass_probation);
  EXPECT_EQ(at("other", 600, kNow + 3600).action, Action::resume_probation) << "the machine booted";
  EXPECT_EQ(at("", 600, kNow + 29).phase, Phase::probation) << "without a boot id, the wall clock decides";
  seen.status = Status::stopped;
  EXPECT_EQ(at("other", 10, kNow).action, Action::roll_back);
}

TEST(Plan, RestartsTheProbationWhenTheClockWasSetBack) {
  EXPECT_EQ(decide(in_probation(Status::started, kNow + 86'400), desire("2")).action, Action::resume_probation);
}

TEST(Plan, RollsBackAnAgentThatIsNotStartedDuringItsProbation) {
  EXPECT_EQ(decide(in_probation(Status::stopped, kNow + 9), desire("2")).action, Action::roll_back);
  EXPECT_EQ(decide(in_probation(Status::stopped, kNow - 1), desire("2")).action, Action::roll_back) << "at the last check, too";
  const Circumstances for_long{false, false, false, 2, true};
  EXPECT_EQ(decide(in_probation(Status::unclear, kNow + 9), desire("2"), for_long).action, Action::roll_back);
  EXPECT_EQ(decide(in_probation(Status::unclear, kNow - 1), desire("2")).phase, Phase::probation) << "not for long";
}

TEST(Plan, PassesTheProbationWhenItsTimeIsOver) {
  EXPECT_EQ(decide(in_probation(Status::started, kNow), desire("2")).action, Action::pass_probation);
  EXPECT_EQ(decide_without_meta(in_probation(Status::started, kNow)).action, Action::pass_probation);
}

TEST(Plan, WaitsForTheEndOfTheProbation) {
  EXPECT_EQ(decide(in_probation(Status::started, kNow + 1), desire("2")),
            (Decision{Action::none, false, Phase::probation, ""}));
}

TEST(Plan, StartsTheOldVersionOfAnInterruptedSwitchWithoutMeta) {
  Observed seen = with_staged(installed(Status::stopped), "2");
  seen.state.probation = Probation{"2", "1", kNew, 0};
  EXPECT_EQ(decide_without_meta(seen).action, Action::start);
}

TEST(Plan, DoesNothingElseWithoutMeta) {
  EXPECT_EQ(decide_without_meta(installed(Status::stopped)), Decision{});
  EXPECT_EQ(decide_without_meta(installed()), Decision{});
  EXPECT_EQ(decide_without_meta(absent()), Decision{});
}

TEST(Plan, StopsOnlyAnAgentThatIsNotStopped) {
  EXPECT_EQ(decide(installed(), desire("1", "stop")).action, Action::stop);
  EXPECT_EQ(decide(installed(Status::unclear), desire("1", "stop")).action, Action::stop);
  EXPECT_EQ(decide(installed(Status::stopped), desire("1", "stop")).action, Action::none);
  EXPECT_EQ(decide(absent(), desire("1", "stop")), Decision{});
}

TEST(Plan, StopsTheOldVersionWithoutAnUpgrade) {
  EXPECT_EQ(decide(installed(), desire("2", "stop")), (Decision{Action::stop, false, Phase::idle, "ops-meta says stop"}));
  EXPECT_EQ(decide(with_staged(installed(Status::stopped), "2"), desire("2", "stop")), Decision{});
}

TEST(Plan, IgnoresAnUnknownCmd) {
  EXPECT_EQ(decide(installed(Status::stopped), desire("2", "")), Decision{});
  EXPECT_EQ(decide(installed(Status::stopped), desire("2", "restart")), Decision{});
}

TEST(Plan, KeepsALatchedFirstVersionStopped) {
  const Observed seen = with_latch(installed(Status::stopped), "1", kOld);
  EXPECT_EQ(decide(seen, desire("1")), (Decision{Action::none, false, Phase::failed, "it did not start"}));
}

TEST(Plan, BeginsAProbationOfALatchedVersionThatRuns) {
  const Observed seen = with_latch(installed(Status::started), "1", kOld);
  EXPECT_EQ(decide(seen, desire("1")).action, Action::begin_probation);
  EXPECT_EQ(decide(seen, desire("1")).phase, Phase::probation);
  Circumstances around;
  around.control_paused = true;
  EXPECT_EQ(decide(seen, desire("1"), around).action, Action::none);
  EXPECT_EQ(decide(seen, desire("2")).phase, Phase::waiting) << "ops-meta desires another version";
}

TEST(Plan, DoesNothingWhenTheDesiredVersionIsStarted) { EXPECT_EQ(decide(installed(), desire("1")), Decision{}); }

TEST(Plan, TidiesLeftoversOnlyWhileNoReleaseIsPrepared) {
  const Observed seen = with_staged(installed(), "2");
  EXPECT_EQ(decide(seen, desire("1")).action, Action::tidy);
  Circumstances around;
  around.preparing = true;
  EXPECT_EQ(decide(seen, desire("1"), around).action, Action::none);
}

TEST(Plan, StartsAnAgentThatIsNotStarted) {
  EXPECT_EQ(decide(installed(Status::stopped), desire("1")).action, Action::start);
  EXPECT_EQ(decide(installed(Status::unclear), desire("1")).action, Action::start);
  Circumstances around;
  around.control_paused = true;
  EXPECT_EQ(decide(installed(Status::stopped), desire("1"), around).action, Action::none);
}

TEST(Plan, DoesNotRetryALatchedVersionAndSupervisesTheOldOne) {
  const Observed running = with_latch(installed(), "2");
  EXPECT_EQ(decide(running, desire("2")), (Decision{Action::none, false, Phase::rolled_back, ""}));
  const Observed dead = with_latch(installed(Status::stopped), "2");
  EXPECT_EQ(decide(dead, desire("2")).action, Action::start);
  EXPECT_EQ(decide(dead, desire("2")).phase, Phase::rolled_back);
  EXPECT_FALSE(decide(dead, desire("2")).prepare);
}

TEST(Plan, PreparesAnotherVersionOrChecksumThanTheLatchedOne) {
  const Observed seen = with_latch(installed(), "2");
  EXPECT_TRUE(decide(seen, desire("3")).prepare);
  EXPECT_TRUE(decide(seen, desire("2", "start", "000000000000000000000000000000ff")).prepare);
  EXPECT_FALSE(decide(seen, desire("2", "start", kNew)).prepare);
}

TEST(Plan, SwitchesToAReadyVersion) {
  EXPECT_EQ(decide(with_staged(installed(), "2"), desire("2")).action, Action::switch_over);
  EXPECT_EQ(decide(with_staged(absent(), "2"), desire("2")).action, Action::switch_over);
}

TEST(Plan, SwitchesToAnInstalledOlderVersionWithoutPreparingIt) {
  Observed seen = installed();
  seen.releases.push_back({"0", kNew, false, 50});
  EXPECT_EQ(decide(seen, desire("0")).action, Action::switch_over);
  EXPECT_EQ(decide(seen, desire("0", "start", kNew)).action, Action::switch_over);
  EXPECT_TRUE(decide(seen, desire("0", "start", "000000000000000000000000000000ff")).prepare) << "the checksums differ";
}

TEST(Plan, SupervisesTheOldVersionWhileItPreparesTheNext) {
  EXPECT_EQ(decide(installed(), desire("2")), (Decision{Action::none, true, Phase::waiting, ""}));
  EXPECT_EQ(decide(absent(), desire("2")), (Decision{Action::none, true, Phase::waiting, ""}));
  const Decision decision = decide(installed(Status::stopped), desire("2"));
  EXPECT_EQ(decision.action, Action::start);
  EXPECT_TRUE(decision.prepare);
}

TEST(Plan, DoesNotStartAStoppedAgentWhileItPreparesTheNextVersion) {
  Observed seen = installed(Status::stopped);
  seen.state.stopped = true;
  EXPECT_EQ(decide(seen, desire("2")).action, Action::none);
  EXPECT_EQ(decide(seen, desire("1")).action, Action::start) << "ops-meta desires this version";
}

TEST(Plan, SupervisesDuringAnUpdatePause) {
  Circumstances around;
  around.update_paused = true;
  EXPECT_EQ(decide(with_staged(installed(), "2"), desire("2"), around), (Decision{Action::none, false, Phase::waiting, ""}));
  EXPECT_EQ(decide(with_staged(installed(Status::stopped), "2"), desire("2"), around).action, Action::start);
}

TEST(Plan, PreparesOtherContentOfTheSameVersion) {
  EXPECT_TRUE(decide(installed(), desire("1", "start", kNew)).prepare);
  EXPECT_EQ(decide(with_staged(installed(), "1"), desire("1", "start", kNew)).action, Action::switch_over);
  EXPECT_FALSE(decide(installed(), desire("1", "start", kOld)).prepare);
}

TEST(Plan, RecognizesACommitOfTheSameVersionByItsChecksum) {
  Observed seen = with_staged(installed(), "1");
  seen.state.probation = Probation{"1", "1", kNew, 0};
  EXPECT_FALSE(is_committed(*seen.state.probation, seen));
  EXPECT_EQ(decide(seen, desire("1", "start", kNew)).action, Action::switch_over);
  seen.checksum = kNew;
  seen.releases = {{"1", kNew, false, 200}, {"1", kOld, true, 100}};
  EXPECT_TRUE(is_committed(*seen.state.probation, seen));
  EXPECT_EQ(decide(seen, desire("1", "start", kNew)).action, Action::resume_probation);
}

TEST(Plan, AcceptsAFolderOfTheGoUpdater) {
  Observed seen = installed();
  seen.checksum.clear();
  seen.releases.clear();
  EXPECT_EQ(decide(seen, desire("1")), Decision{});
  EXPECT_EQ(decide(seen, desire("1", "start", kNew)), Decision{}) << "its checksum is unknown";
}

TEST(Plan, PreparesTheCurrentVersionAgainIfItHasNoControl) {
  Observed seen = installed(Status::stopped);
  seen.has_control = false;
  seen.status_text.clear();
  EXPECT_TRUE(decide(seen, desire("1")).prepare);
  EXPECT_EQ(decide(with_staged(seen, "1"), desire("1")).action, Action::switch_over);
  EXPECT_EQ(fallback_version(seen, "3"), "");
}

TEST(Plan, DoesNotFallBackToALatchedVersion) {
  EXPECT_EQ(fallback_version(with_latch(installed(Status::stopped), "1", kOld), "3"), "");
  EXPECT_EQ(fallback_version(installed(), "3"), "1");
  EXPECT_EQ(fallback_version(absent(), "3"), "");
}

}  // namespace
}  // namespace ops::updater
