#include "meta/rollout/rollout_history.h"

#include <gtest/gtest.h>

#include "tests/support/temp_dir.h"

namespace ops::tests {
namespace {

using meta::EventLog;
using meta::RolloutHistory;

struct RolloutHistoryTest : testing::Test {
  RolloutHistoryTest() { events.keep_in(folder / "events"); }

  static std::vector<std::string> words_of(const EventLog& log) {
    std::vector<std::string> words;
    for (const auto& event : log.all()) words.emplace_back(to_word(event->kind));
    return words;
  }
  std::vector<std::string> words() const { return words_of(events); }

  TempDir folder;
  EventLog events;
  RolloutHistory history{&events};
  const RolloutHistory::Release release{"a", "2"};
};

using Words = std::vector<std::string>;

TEST_F(RolloutHistoryTest, NotesEachStepOfARolloutOnce) {
  for (int i = 0; i < 2; ++i) history.go(release, "h1", 0);
  for (int i = 0; i < 2; ++i) history.halt(release, "3 of 3 hosts failed");
  for (int i = 0; i < 2; ++i) history.go(release, "h9", 1);
  for (int i = 0; i < 2; ++i) history.end(release, "it runs on 9 of 9 hosts");
  EXPECT_EQ(words(), Words({"begin", "halt", "continue", "end"}));
  EXPECT_EQ(events.all()[0]->text, "a 2: the rollout begins with h1; 0 hosts run it");
  EXPECT_EQ(events.all()[1]->text, "a 2 is halted: 3 of 3 hosts failed");
  EXPECT_EQ(events.all()[2]->text, "a 2: the rollout continues with h9; 1 host runs it");
  EXPECT_EQ(events.all()[3]->text, "a 2: the rollout ends: it runs on 9 of 9 hosts");
}

TEST_F(RolloutHistoryTest, ContinuesAfterARestart) {
  history.go(release, "h1", 0);
  history.fail(release, "h1", "rolled-back", "it died");
  history.halt({"a", "3"}, "1 of 1 host failed");
  events.flush();
  EventLog read;
  read.keep_in(folder / "events");
  RolloutHistory next(&read);
  next.restore();
  EXPECT_EQ(next.open(), std::vector({release, {"a", "3"}}));
  next.go(release, "h2", 1);
  next.fail(release, "h1", "rolled-back", "it died");
  next.halt({"a", "3"}, "1 of 1 host failed");
  EXPECT_EQ(words_of(read), Words({"begin", "failure", "halt"})) << "no fact is noted twice";
  next.end(release, "it runs on 2 of 2 hosts");
  EXPECT_EQ(words_of(read).back(), "end");
}

TEST_F(RolloutHistoryTest, ANewHostThatTakesAnEstablishedReleaseIsNoRollout) {
  history.go(release, "h1", 0);
  history.end(release, "it runs on 1 of 1 host");
  history.go(release, "new", 1);
  EXPECT_EQ(words(), Words({"begin", "end"}));
  history.forget_ended();
  history.go(release, "h1", 0);
  EXPECT_EQ(words(), Words({"begin", "end", "begin"})) << "after a change of cfg.json";
}

TEST_F(RolloutHistoryTest, NotesTheFirstHostsOnWhichAReleaseFails) {
  for (int round = 0; round < 2; ++round) {
    for (int i = 0; i < 100; ++i) history.fail(release, "h" + std::to_string(i), "failed", "no " + std::string(10'000, '!'));
  }
  ASSERT_EQ(words().size(), RolloutHistory::kMaxFailures);
  EXPECT_EQ(events.all()[1]->host, "h1");
  EXPECT_TRUE(events.all()[1]->text.starts_with("a 2 is failed on h1: no !!!")) << events.all()[1]->text;
  EXPECT_LT(events.all()[1]->text.size(), 600u);
}

TEST(RolloutHistory, DoesNothingWithoutALog) {
  RolloutHistory history(nullptr);
  history.restore();
  history.go({"a", "1"}, "h1", 0);
  EXPECT_TRUE(history.open().empty());
}

}  // namespace
}  // namespace ops::tests
