#include "updater/agent/agent.h"

#include <gtest/gtest.h>

namespace ops::updater {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

const Result<void> kGood;
const Result<void> kBad = Error{"it broke"};
constexpr int64_t kUnixTime = 1447000000;

const DesiredAgent kVersion1{"a", "1", "", "", "start"};
const DesiredAgent kVersion2{"a", "2", "", "", "start"};

/// Agent a, installed in version 1.
struct AgentTest : testing::Test {
  Observed installed(Status status) const {
    Observed seen;
    seen.name = "a";
    seen.version = "1";
    seen.has_control = true;
    seen.status = status;
    return seen;
  }

  void observe(const Observed& seen) {
    agent.begin_observation(now, kStuckAfter);
    agent.take_observation(seen, now);
  }

  Decision decide(const DesiredAgent& desired) { return agent.decide(&desired, true, false, {}, now, {"", 0, kUnixTime}); }

  /// Observes the agent, and ends the action that follows from this with `outcome`.
  Action act(const Observed& seen, const DesiredAgent& desired, const Result<void>& outcome) {
    observe(seen);
    EXPECT_NE(decide(desired).action, Action::none);
    return agent.end_action(outcome, now, random);
  }

  /// Fails to switch to version 2.
  void fail_switch() {
    Observed seen = installed(Status::started);
    seen.releases = {{"2", "", true, 0}};
    ASSERT_EQ(act(seen, kVersion2, kBad), Action::switch_over);
  }

  std::pair<Phase, int64_t> phase(const FetchWorker::Progress* fetch, int64_t at) {
    agent.update_phase(fetch, at);
    const AgentReport report = agent.report(nullptr, nullptr);
    return {report.phase, report.since};
  }

  std::string error() const { return agent.report(nullptr, nullptr).error; }
  int64_t attempts() const { return agent.report(nullptr, nullptr).attempts; }

  Agent agent{"a"};
  Random random{4711};
  Clock::time_point now = Clock::now();
};

TEST_F(AgentTest, PausesAfterTheFourthRestart) {
  for (int i = 0; i < 4; ++i) ASSERT_EQ(act(installed(Status::stopped), kVersion1, kGood), Action::start);
  observe(installed(Status::stopped));
  EXPECT_EQ(decide(kVersion1).action, Action::none);
  EXPECT_GT(agent.observe_at(), now);
  now = agent.observe_at();
  EXPECT_EQ(act(installed(Status::stopped), kVersion1, kGood), Action::start);
}

TEST_F(AgentTest, CountsRestartsAnewAfterTenCalmMinutes) {
  for (int i = 0; i < 4; ++i) act(installed(Status::stopped), kVersion1, kGood);
  now += minutes(11);
  for (int i = 0; i < 3; ++i) ASSERT_EQ(act(installed(Status::stopped), kVersion1, kGood), Action::start);
}

TEST_F(AgentTest, PausesUpdatesAfterAFailedSwitchUntilAReleasePasses) {
  fail_switch();
  EXPECT_EQ(error(), "it broke");
  EXPECT_EQ(attempts(), 1);
  EXPECT_EQ(agent.observe_at(), now) << "it is observed again at once";
  Observed passing = installed(Status::started);
  passing.state.probation = Probation{"1", "", "", kUnixTime};
  EXPECT_EQ(act(passing, kVersion1, kGood), Action::pass_probation);
  EXPECT_EQ(error(), "");
  EXPECT_EQ(attempts(), 0);
}

TEST_F(AgentTest, AsksAnUnclearStatusInProbationAtLeastThreeTimesOver30Seconds) {
  Observed unclear = installed(Status::unclear);
  unclear.state.probation = Probation{"1", "", "", kUnixTime + 20};
  const auto action_after = [&](seconds time) {
    now += time;
    observe(unclear);
    return decide(kVersion1).action;
  };
  EXPECT_EQ(action_after(seconds(0)), Action::none);
  EXPECT_GT(agent.observe_at(), now);
  EXPECT_LE(agent.observe_at(), now + seconds(6)) << "it asks again soon";
  EXPECT_EQ(action_after(seconds(40)), Action::none) << "twice";
  unclear.status = Status::started;
  EXPECT_EQ(action_after(seconds(1)), Action::none) << "the count begins again";
  unclear.status = Status::unclear;
  EXPECT_EQ(action_after(seconds(1)), Action::none);
  EXPECT_EQ(action_after(seconds(14)), Action::none);
  EXPECT_EQ(action_after(seconds(15)), Action::none) << "29 s";
  EXPECT_EQ(action_after(seconds(1)), Action::roll_back);
}

TEST_F(AgentTest, WaitsLessForAnUnclearStatusIfProbationAndIntervalAreShort) {
  EXPECT_EQ(unclear_patience(seconds(30), seconds(300)), seconds(30));
  EXPECT_EQ(unclear_patience(seconds(0), seconds(300)), seconds(30));
  EXPECT_EQ(unclear_patience(seconds(600), seconds(10)), seconds(30));
  EXPECT_EQ(unclear_patience(seconds(2), seconds(1)), seconds(2));
}

TEST_F(AgentTest, ObservesAgainAtTheEndOfAPause) {
  fail_switch();
  observe(installed(Status::started));
  EXPECT_EQ(decide(kVersion2).phase, Phase::waiting);
  EXPECT_FALSE(agent.wants_fetch());
  EXPECT_GT(agent.observe_at(), now);
  now = agent.observe_at();
  observe(installed(Status::started));
  decide(kVersion2);
  EXPECT_TRUE(agent.wants_fetch()) << "the pause is over";
}

TEST_F(AgentTest, FailedSwitchesInARowDoNotPauseTheRestartOfTheOldVersion) {
  for (int i = 0; i < 8; ++i) {
    agent.observe_again(now);
    fail_switch();
    now = agent.observe_at();
    observe(installed(Status::started));
    decide(kVersion2);
    now = agent.observe_at();
  }
  EXPECT_EQ(act(installed(Status::stopped), kVersion2, kGood), Action::start);
}

TEST_F(AgentTest, AnotherAssignmentEndsThePause) {
  fail_switch();
  observe(installed(Status::started));
  decide({"a", "3", "", "", "start"});
  EXPECT_TRUE(agent.wants_fetch());
}

TEST_F(AgentTest, TriesFailedTidyingAgainInTheNextRoundOnly) {
  Observed seen = installed(Status::started);
  seen.staging = {".staged-0"};
  EXPECT_EQ(act(seen, kVersion1, kBad), Action::tidy);
  EXPECT_GT(agent.observe_at(), now + hours(1000));
}

TEST_F(AgentTest, ObservesAProbationSeveralTimes) {
  Observed seen = installed(Status::started);
  seen.state.probation = Probation{"1", "", "", kUnixTime + 10};
  observe(seen);
  EXPECT_EQ(agent.decide(&kVersion1, true, false, {seconds(60), seconds(10), 2}, now, {"", 0, kUnixTime}).phase,
            Phase::probation);
  EXPECT_EQ(agent.observe_at(), now + seconds(2));
  observe(seen);
  agent.decide(&kVersion1, true, false, {seconds(60), seconds(3600), 2}, now, {"", 0, kUnixTime});
  EXPECT_EQ(agent.observe_at(), now + seconds(3));
  observe(installed(Status::started));
  decide(kVersion1);
  EXPECT_GT(agent.observe_at(), now + hours(1000)) << "without a probation the next round is soon enough";
}

TEST_F(AgentTest, DiscardsAnObservationDuringWhichAFetchEnded) {
  agent.begin_observation(now, kStuckAfter);
  agent.take_fetch({kVersion2, std::nullopt}, now, kUnixTime, random);
  agent.take_observation(installed(Status::started), now);
  EXPECT_FALSE(agent.is_undecided());
  EXPECT_EQ(agent.observe_at(), now);
  observe(installed(Status::started));
  EXPECT_TRUE(agent.is_undecided());
}

TEST_F(AgentTest, KeepsTheLastObservationWhenTheHostCannotReadTheFolder) {
  observe(installed(Status::started));
  decide(kVersion1);
  agent.begin_observation(now, kStuckAfter);
  agent.observation_failed(now + seconds(1));
  EXPECT_FALSE(agent.is_busy());
  EXPECT_FALSE(agent.is_undecided());
  EXPECT_EQ(agent.observe_at(), now + seconds(1));
  EXPECT_EQ(agent.seen(), installed(Status::started));
}

TEST_F(AgentTest, IsStuckWhenAnObservationOrAnActionTakesTooLong) {
  const SwitchSettings settings;
  observe(installed(Status::started));
  decide(kVersion1);
  agent.begin_observation(now, kStuckAfter);
  EXPECT_FALSE(agent.update_stuck(now + kStuckAfter));
  EXPECT_TRUE(agent.update_stuck(now + kStuckAfter + seconds(1)));
  EXPECT_FALSE(agent.update_stuck(now + kStuckAfter + seconds(2))) << "it is logged once";
  EXPECT_EQ(agent.report(&kVersion1, nullptr).seen->status_text, kStuckText);

  agent.take_observation(installed(Status::stopped), now);
  EXPECT_FALSE(agent.update_stuck(now));
  ASSERT_EQ(agent.decide(&kVersion1, true, false, settings, now, {"", 0, kUnixTime}).action, Action::start);
  EXPECT_FALSE(agent.update_stuck(now + kStuckAfter + settings.longest_action()));
  EXPECT_TRUE(agent.update_stuck(now + kStuckAfter + settings.longest_action() + seconds(1)));
  EXPECT_EQ(agent.report(&kVersion1, nullptr).seen->status_text, kStuckText);
}

TEST_F(AgentTest, LatchesABadReleaseAndRemovesTheLatchOnRequest) {
  agent.take_fetch({kVersion2, FetchError{{"no control"}, true, "0cc1"}}, now, kUnixTime, random);
  observe(installed(Status::started));
  const auto latched = agent.latch_bad_release();
  ASSERT_TRUE(latched);
  EXPECT_EQ(latched->latch, (Latch{"2", "0cc1", "no control", kUnixTime}));
  EXPECT_FALSE(agent.latch_bad_release());
  const auto without = agent.remove_latch();
  ASSERT_TRUE(without);
  EXPECT_FALSE(without->latch);
  EXPECT_FALSE(agent.remove_latch());
}

TEST_F(AgentTest, ReportsTheActionThatRunsRatherThanThePhaseThatWasDecided) {
  Observed seen = installed(Status::started);
  observe(seen);
  decide(kVersion2);
  EXPECT_EQ(phase(nullptr, 10), std::pair(Phase::waiting, int64_t{10}));
  EXPECT_EQ(phase(nullptr, 11), std::pair(Phase::waiting, int64_t{10})) << "since the phase began";
  const FetchWorker::Progress fetch{"a", Phase::downloading, 1, 2};
  EXPECT_EQ(phase(&fetch, 12), std::pair(Phase::downloading, int64_t{12}));
  seen.releases = {{"2", "", true, 0}};
  observe(seen);
  decide(kVersion2);
  EXPECT_EQ(phase(nullptr, 13), std::pair(Phase::switching, int64_t{13}));
  agent.end_action(kGood, now, random);
  observe(installed(Status::started));
  decide(kVersion1);
  EXPECT_EQ(phase(nullptr, 14), std::pair(Phase::idle, int64_t{14}));
}

TEST_F(AgentTest, ReportsAnAgentThatDoesNotStartAsWaiting) {
  act(installed(Status::stopped), kVersion1, kBad);
  EXPECT_EQ(phase(nullptr, 15), std::pair(Phase::waiting, int64_t{15}));
}

TEST_F(AgentTest, CountsTheAttemptThatRuns) {
  fail_switch();
  EXPECT_EQ(attempts(), 1);
  const FetchWorker::Progress fetch{"a", Phase::downloading, 5, 9};
  const AgentReport report = agent.report(&kVersion2, &fetch);
  EXPECT_EQ(report.attempts, 2);
  EXPECT_EQ(report.done, 5u);
  EXPECT_EQ(report.total, 9u);
  EXPECT_EQ(report.desired, kVersion2);
}

TEST_F(AgentTest, ReportsNoObservationBeforeTheFirstOne) {
  EXPECT_EQ(agent.report(&kVersion1, nullptr).seen, std::nullopt);
  observe(installed(Status::started));
  EXPECT_EQ(agent.report(&kVersion1, nullptr).seen, installed(Status::started));
}

}  // namespace
}  // namespace ops::updater
