// Every row of the state table at the top of updater/model/plan.h, in its order.

#include "updater/model/plan.h"

#include <gtest/gtest.h>

namespace ops::updater {
namespace {

constexpr int64_t kNow = 1'700'000'000;
constexpr char kOld[] = "00000000000000000000000000000001";
constexpr char kNew[] = "00000000000000000000000000000002";

DesiredAgent desire(const std::string& version, const std::string& cmd = "start", const std::string& md5 = "") {
  return {"agent", version, "http://m/agent", md5, cmd};
}

/// An agent of version 1 that the updater installed.
Observed installed(Status status = Status::started) {
  Observed seen;
  seen.name = "agent";
  seen.version = "1";
  seen.checksum = kOld;
  seen.has_control = true;
  seen.status = status;
  seen.status_text = status == Status::started ? "started" : status == Status::stopped ? "stoped" : "what?";
  seen.releases = {{"1", kOld, false, 100}};
  return seen;
}

/// No agent at all.
Observed absent() {
  Observed seen;
  seen.name = "agent";
  return seen;
}

Observed with_staged(Observed seen, const std::string& version, const std::string& checksum = kNew) {
  seen.releases.push_back({version, checksum, true, 200});
  seen.staging.push_back(".staged-" + version);
  return seen;
}

/// Version 2 is current and on trial, version 1 is what it replaced.
Observed in_probation(Status status, int64_t until) {
  Observed seen = installed(status);
  seen.version = "2";
  seen.checksum = kNew;
  seen.releases.push_back({"2", kNew, false, 200});
  seen.state.probation = Probation{"2", "1", kNew, until};
  return seen;
}

Observed with_failure(Observed seen, const std::string& version, const std::string& checksum = kNew) {
  seen.state.latch = Latch{version, checksum, "it did not start", kNow - 10};
  return seen;
}

Decision decide(const Observed& seen, const DesiredAgent& desired, const Circumstances& around = {}) {
  return plan(seen, &desired, around, kNow);
}

Decision decide_without_meta(const Observed& seen) { return plan(seen, nullptr, {}, kNow); }

TEST(Plan, HeldAgentIsLeftAlone) {
  Observed seen = with_staged(installed(Status::stopped), "2");
  seen.hold = "being looked into";
  EXPECT_EQ(decide(seen, desire("2")), (Decision{Action::none, false, Phase::held, "being looked into"}));
  EXPECT_EQ(decide(seen, desire("1", "stop")).action, Action::none);
}

TEST(Plan, FailedTrialIsRolledBackEvenWithoutMeta) {
  const Observed seen = with_failure(in_probation(Status::started, 0), "2");
  EXPECT_EQ(decide(seen, desire("2")).action, Action::roll_back);
  EXPECT_EQ(decide(seen, desire("2")).reason, "it did not start");
  EXPECT_EQ(decide_without_meta(seen).action, Action::roll_back);
}

TEST(Plan, RollbackGoesOnAfterTheVersionWasPutBack) {
  Observed seen = with_failure(installed(Status::stopped), "2");
  seen.state.probation = Probation{"2", "1", kNew, 0};
  EXPECT_EQ(decide_without_meta(seen).action, Action::roll_back);
}

TEST(Plan, AgentOnTrialIsStoppedWhenMetaSaysSo) {
  EXPECT_EQ(decide(in_probation(Status::started, kNow + 9), desire("2", "stop")).action, Action::stop);
}

TEST(Plan, TrialEndsWhenMetaDesiresAnotherVersionThatIsReady) {
  const Observed seen = with_staged(in_probation(Status::started, kNow + 9), "3", "");
  EXPECT_EQ(decide(seen, desire("3")).action, Action::switch_over);
  EXPECT_EQ(fallback_version(seen, "3"), "1") << "the one on trial has proven nothing yet";
  EXPECT_EQ(decide(in_probation(Status::started, kNow + 9), desire("3")).phase, Phase::probation) << "3 is not ready";
}

TEST(Plan, TrialCutShortBeforeTheStartIsResumed) {
  EXPECT_EQ(decide(in_probation(Status::stopped, 0), desire("2")).action, Action::resume_probation);
  EXPECT_EQ(decide_without_meta(in_probation(Status::stopped, 0)).action, Action::resume_probation);
}

TEST(Plan, PausedAgentIsNotTriedWithoutEnd) {
  Circumstances around;
  around.control_paused = true;
  EXPECT_EQ(decide(in_probation(Status::stopped, 0), desire("2"), around).action, Action::none);
  EXPECT_EQ(decide(in_probation(Status::stopped, kNow + 9), desire("2"), around).action, Action::none);
  EXPECT_EQ(decide(in_probation(Status::started, kNow), desire("2"), around).action, Action::none);
  EXPECT_EQ(decide(installed(), desire("1", "stop"), around).action, Action::none);
}

TEST(Plan, ProbationBeginsAnewWhenTheClockWasSetBack) {
  EXPECT_EQ(decide(in_probation(Status::started, kNow + 86'400), desire("2")).action, Action::resume_probation);
}

TEST(Plan, AgentThatDoesNotRunDuringItsProbationIsRolledBack) {
  EXPECT_EQ(decide(in_probation(Status::stopped, kNow + 9), desire("2")).action, Action::roll_back);
  EXPECT_EQ(decide(in_probation(Status::unclear, kNow + 9), desire("2")).action, Action::roll_back);
  EXPECT_EQ(decide(in_probation(Status::stopped, kNow - 1), desire("2")).action, Action::roll_back) << "at the last check, too";
}

TEST(Plan, ProbationIsPassedWhenItIsOver) {
  EXPECT_EQ(decide(in_probation(Status::started, kNow), desire("2")).action, Action::pass_probation);
  EXPECT_EQ(decide_without_meta(in_probation(Status::started, kNow)).action, Action::pass_probation);
}

TEST(Plan, ProbationIsWaitedFor) {
  EXPECT_EQ(decide(in_probation(Status::started, kNow + 1), desire("2")),
            (Decision{Action::none, false, Phase::probation, ""}));
}

TEST(Plan, WithoutMetaASwitchThatWasCutShortEndsWithTheOldVersionStarted) {
  Observed seen = with_staged(installed(Status::stopped), "2");
  seen.state.probation = Probation{"2", "1", kNew, 0};
  EXPECT_EQ(decide_without_meta(seen).action, Action::start);
}

TEST(Plan, WithoutMetaNothingElseIsDone) {
  EXPECT_EQ(decide_without_meta(installed(Status::stopped)), Decision{});
  EXPECT_EQ(decide_without_meta(installed()), Decision{});
  EXPECT_EQ(decide_without_meta(absent()), Decision{});
}

TEST(Plan, StopsOnlyWhatIsNotStopped) {
  EXPECT_EQ(decide(installed(), desire("1", "stop")).action, Action::stop);
  EXPECT_EQ(decide(installed(Status::unclear), desire("1", "stop")).action, Action::stop);
  EXPECT_EQ(decide(installed(Status::stopped), desire("1", "stop")).action, Action::none);
  EXPECT_EQ(decide(absent(), desire("1", "stop")), Decision{});
}

TEST(Plan, StopDoesNotUpgrade) {
  EXPECT_EQ(decide(installed(), desire("2", "stop")), (Decision{Action::stop, false, Phase::idle, "ops-meta says stop"}));
  EXPECT_EQ(decide(with_staged(installed(Status::stopped), "2"), desire("2", "stop")), Decision{});
}

TEST(Plan, AnotherCmdLeavesTheAgentAlone) {
  EXPECT_EQ(decide(installed(Status::stopped), desire("2", "")), Decision{});
  EXPECT_EQ(decide(installed(Status::stopped), desire("2", "restart")), Decision{});
}

TEST(Plan, FirstVersionThatFailedStaysStopped) {
  const Observed seen = with_failure(installed(Status::stopped), "1", kOld);
  EXPECT_EQ(decide(seen, desire("1")), (Decision{Action::none, false, Phase::failed, "it did not start"}));
}

TEST(Plan, RunningAgentOfTheDesiredVersionNeedsNothing) { EXPECT_EQ(decide(installed(), desire("1")), Decision{}); }

TEST(Plan, LeftoversAreTidiedOnlyWhenNothingIsPrepared) {
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

TEST(Plan, LatchedVersionIsNotTriedAgainAndTheOldOneIsSupervised) {
  const Observed running = with_failure(installed(), "2");
  EXPECT_EQ(decide(running, desire("2")), (Decision{Action::none, false, Phase::rolled_back, ""}));
  const Observed dead = with_failure(installed(Status::stopped), "2");
  EXPECT_EQ(decide(dead, desire("2")).action, Action::start);
  EXPECT_EQ(decide(dead, desire("2")).phase, Phase::rolled_back);
  EXPECT_FALSE(decide(dead, desire("2")).prepare);
}

TEST(Plan, LatchOpensForAnotherVersionOrAnotherChecksum) {
  const Observed seen = with_failure(installed(), "2");
  EXPECT_TRUE(decide(seen, desire("3")).prepare);
  EXPECT_TRUE(decide(seen, desire("2", "start", "000000000000000000000000000000ff")).prepare);
  EXPECT_FALSE(decide(seen, desire("2", "start", kNew)).prepare);
}

TEST(Plan, SwitchesToAReadyVersion) {
  EXPECT_EQ(decide(with_staged(installed(), "2"), desire("2")).action, Action::switch_over);
  EXPECT_EQ(decide(with_staged(absent(), "2"), desire("2")).action, Action::switch_over);
}

TEST(Plan, GoesBackToAVersionThatIsStillHereWithoutFetchingIt) {
  Observed seen = installed();
  seen.releases.push_back({"0", kNew, false, 50});
  EXPECT_EQ(decide(seen, desire("0")).action, Action::switch_over);
  EXPECT_EQ(decide(seen, desire("0", "start", kNew)).action, Action::switch_over);
  EXPECT_TRUE(decide(seen, desire("0", "start", "000000000000000000000000000000ff")).prepare) << "it is other content";
}

TEST(Plan, PreparesWhatIsNotReadyAndSupervisesMeanwhile) {
  EXPECT_EQ(decide(installed(), desire("2")), (Decision{Action::none, true, Phase::waiting, ""}));
  EXPECT_EQ(decide(absent(), desire("2")), (Decision{Action::none, true, Phase::waiting, ""}));
  const Decision decision = decide(installed(Status::stopped), desire("2"));
  EXPECT_EQ(decision.action, Action::start);
  EXPECT_TRUE(decision.prepare);
}

TEST(Plan, AgentThatMetaHadStoppedIsNotStartedWhileItsNextVersionIsFetched) {
  Observed seen = installed(Status::stopped);
  seen.state.stopped = true;
  EXPECT_EQ(decide(seen, desire("2")).action, Action::none);
  EXPECT_EQ(decide(seen, desire("1")).action, Action::start) << "now meta wants just this one";
}

TEST(Plan, PauseBetweenAttemptsHoldsUpTheUpdateButNotTheSupervision) {
  Circumstances around;
  around.update_paused = true;
  EXPECT_EQ(decide(with_staged(installed(), "2"), desire("2"), around), (Decision{Action::none, false, Phase::waiting, ""}));
  EXPECT_EQ(decide(with_staged(installed(Status::stopped), "2"), desire("2"), around).action, Action::start);
}

TEST(Plan, SameVersionInOtherContentIsInstalledAnew) {
  EXPECT_TRUE(decide(installed(), desire("1", "start", kNew)).prepare);
  EXPECT_EQ(decide(with_staged(installed(), "1"), desire("1", "start", kNew)).action, Action::switch_over);
  EXPECT_FALSE(decide(installed(), desire("1", "start", kOld)).prepare);
}

TEST(Plan, SameVersionOnTrialIsCommittedByItsContent) {
  Observed seen = with_staged(installed(), "1");
  seen.state.probation = Probation{"1", "1", kNew, 0};
  EXPECT_FALSE(is_committed(*seen.state.probation, seen));
  EXPECT_EQ(decide(seen, desire("1", "start", kNew)).action, Action::switch_over);
  seen.checksum = kNew;
  seen.releases = {{"1", kNew, false, 200}, {"1", kOld, true, 100}};
  EXPECT_TRUE(is_committed(*seen.state.probation, seen));
  EXPECT_EQ(decide(seen, desire("1", "start", kNew)).action, Action::resume_probation);
}

TEST(Plan, FolderOfTheGoUpdaterIsTakenOverAsItIs) {
  Observed seen = installed();
  seen.checksum.clear();
  seen.releases.clear();
  EXPECT_EQ(decide(seen, desire("1")), Decision{});
  EXPECT_EQ(decide(seen, desire("1", "start", kNew)), Decision{}) << "what it came from is not known";
}

TEST(Plan, CurrentVersionWithoutAControlIsInstalledAnew) {
  Observed seen = installed(Status::stopped);
  seen.has_control = false;
  seen.status_text.clear();
  EXPECT_TRUE(decide(seen, desire("1")).prepare);
  EXPECT_EQ(decide(with_staged(seen, "1"), desire("1")).action, Action::switch_over);
  EXPECT_EQ(fallback_version(seen, "3"), "");
}

TEST(Plan, VersionThatFailedIsNothingToGoBackTo) {
  EXPECT_EQ(fallback_version(with_failure(installed(Status::stopped), "1", kOld), "3"), "");
  EXPECT_EQ(fallback_version(installed(), "3"), "1");
  EXPECT_EQ(fallback_version(absent(), "3"), "");
}

TEST(Leftovers, KeepTheCurrentAndTheLastGoodVersion) {
  Observed seen = installed();
  seen.state.previous = "0";
  seen.releases = {{"0", kOld, false, 1}, {"1", kOld, false, 2}, {"x", kOld, false, 4}, {"y", kOld, false, 3}};
  EXPECT_EQ(leftovers(seen, 2), (std::vector<std::string>{"x", "y"}));
  EXPECT_EQ(leftovers(seen, 3), (std::vector<std::string>{"y"})) << "the newest stay";
  EXPECT_EQ(leftovers(seen, 1), (std::vector<std::string>{"x", "y", "0"}));
}

TEST(Leftovers, IncludeAReleaseThatFailed) {
  Observed seen = with_failure(installed(), "2");
  seen.releases.push_back({"2", kNew, false, 200});
  EXPECT_EQ(leftovers(seen, 9), (std::vector<std::string>{"2"}));
}

TEST(Leftovers, AreNeverFoldersThatTheUpdaterDidNotMake) {
  Observed seen = installed();
  seen.releases.clear();  // none has an .installed
  EXPECT_TRUE(leftovers(seen, 1).empty());
}

}  // namespace
}  // namespace ops::updater
