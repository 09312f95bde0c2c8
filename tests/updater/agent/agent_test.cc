#include "updater/agent/agent.h"

#include <gtest/gtest.h>

namespace ops::updater {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

const Result<void> kGood;
const Result<void> kBad = Error{"it broke"};

struct AgentMemory : testing::Test {
  Agent agent;
  Random random{4711};
  const Clock::time_point now = Clock::now();
};

TEST_F(AgentMemory, RestartsAreAtOnceTheFirstTimesThenPaused) {
  for (int i = 0; i < 3; ++i) {
    agent.note_outcome(Action::start, kGood, now, random);
    EXPECT_FALSE(agent.control.is_paused(now));
  }
  agent.note_outcome(Action::start, kGood, now, random);
  EXPECT_TRUE(agent.control.is_paused(now));
  agent.note_outcome(Action::start, kGood, now + minutes(11), random);
  EXPECT_FALSE(agent.control.is_paused(now + minutes(11))) << "it was calm for so long";
}

TEST_F(AgentMemory, AFailedSwitchPausesTheUpdateAndAPassForgetsIt) {
  agent.note_outcome(Action::switch_over, kBad, now, random);
  EXPECT_EQ(agent.error, "it broke");
  EXPECT_EQ(agent.look_at, now);
  EXPECT_TRUE(agent.update.is_paused(now));
  agent.note_outcome(Action::pass_probation, kGood, now, random);
  EXPECT_EQ(agent.error, "");
  EXPECT_FALSE(agent.update.is_paused(now));
  EXPECT_EQ(agent.update.failures(), 0);
}

TEST_F(AgentMemory, AFailedTidyingIsNotTriedAgainAtOnce) {
  agent.note_outcome(Action::tidy, kBad, now, random);
  EXPECT_GT(agent.look_at, now + hours(1000));
}

TEST_F(AgentMemory, LooksAgainDuringAProbationAndAtTheEndOfAPause) {
  agent.plan_next_look(now, seconds(30));
  EXPECT_GT(agent.look_at, now + hours(1000)) << "the next heartbeat is soon enough";
  agent.phase = Phase::probation;
  agent.plan_next_look(now, seconds(10));
  EXPECT_EQ(agent.look_at, now + seconds(2));
  agent.plan_next_look(now, seconds(3600));
  EXPECT_EQ(agent.look_at, now + seconds(3));
  agent.phase = Phase::waiting;
  agent.update.fail(now, random);
  agent.plan_next_look(now, seconds(30));
  EXPECT_EQ(agent.look_at, agent.update.until());
}

TEST_F(AgentMemory, ShowsWhatItDoesNowRatherThanWhatWasDecided) {
  const auto shown = [&](const std::optional<FetchWorker::Progress>& preparing, int64_t at) {
    agent.note_phase(preparing, at);
    return std::pair(agent.shown_phase, agent.since);
  };
  agent.phase = Phase::waiting;
  EXPECT_EQ(shown({}, 10), std::pair(Phase::waiting, int64_t{10}));
  EXPECT_EQ(shown({}, 11), std::pair(Phase::waiting, int64_t{10})) << "since it began";
  EXPECT_EQ(shown(FetchWorker::Progress{Phase::downloading, 1, 2}, 12), std::pair(Phase::downloading, int64_t{12}));
  agent.action = Action::switch_over;
  EXPECT_EQ(shown({}, 13), std::pair(Phase::switching, int64_t{13}));
  agent.action.reset();
  agent.phase = Phase::idle;
  EXPECT_EQ(shown({}, 14), std::pair(Phase::idle, int64_t{14}));
  agent.error = "it keeps dying";
  EXPECT_EQ(shown({}, 15), std::pair(Phase::waiting, int64_t{15}));
}

TEST_F(AgentMemory, ReportsTheAttemptThatIsUnderWay) {
  agent.note_outcome(Action::switch_over, kBad, now, random);
  EXPECT_EQ(agent.report("a", nullptr, {}).attempts, 1);
  const DesiredAgent desired{"a", "2", "", "", "start"};
  const AgentReport report = agent.report("a", &desired, FetchWorker::Progress{Phase::downloading, 5, 9});
  EXPECT_EQ(report.attempts, 2);
  EXPECT_EQ(report.done, 5u);
  EXPECT_EQ(report.total, 9u);
  EXPECT_EQ(report.desired, desired);
  EXPECT_EQ(report.seen, std::nullopt) << "it was not looked at yet";
}

}  // namespace
}  // namespace ops::updater
