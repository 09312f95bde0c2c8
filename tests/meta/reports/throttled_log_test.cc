#include "meta/reports/throttled_log.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace ops::tests {
namespace {

using meta::ThrottledLog;
using std::chrono::minutes;

struct ThrottledLogTest : testing::Test {
  /// The log lines without their times.
  std::string logged(const std::string& subject, const std::string& text = "x") {
    testing::internal::CaptureStderr();
    notes.note(subject, now, [&] { return text; });
    const std::string log = testing::internal::GetCapturedStderr();
    return log.substr(std::min(log.find("refused"), log.size()));
  }

  ThrottledLog notes{"refused"};
  ThrottledLog::TimePoint now{std::chrono::hours(500'000)};
};

TEST_F(ThrottledLogTest, LogsASubjectOnceAnHour) {
  EXPECT_EQ(logged("h1", "no token"), "refused h1: no token\n");
  EXPECT_EQ(logged("h2"), "refused h2: x\n");
  EXPECT_EQ(logged("h1", "another reason"), "");
  now += minutes(59);
  EXPECT_EQ(logged("h1"), "");
  now += minutes(1);
  EXPECT_EQ(logged("h1", "still"), "refused h1: still\n");
  now -= minutes(90);
  EXPECT_EQ(logged("h1", "the clock was set back"), "refused h1: the clock was set back\n");
}

TEST_F(ThrottledLogTest, ListsTheLatestSubjectsOfTheLastHour) {
  for (const char* subject : {"h1", "h2", "h3", "h4"}) {
    now += minutes(10);
    logged(subject);
  }
  logged("h4");
  const ThrottledLog::Recent recent = notes.recent(now);
  EXPECT_EQ(recent.total, 5u);
  EXPECT_EQ(recent.subjects, 4u);
  EXPECT_EQ(recent.latest, (std::vector<ThrottledLog::Note>{
                               {"h4", "x", now}, {"h3", "x", now - minutes(10)}, {"h2", "x", now - minutes(20)}}));
  EXPECT_EQ(notes.recent(now + minutes(45)).subjects, 2u);
  EXPECT_EQ(notes.recent(now + minutes(60)).subjects, 0u);
}

TEST_F(ThrottledLogTest, LogsOneLineForSubjectsBeyondTheLimit) {
  for (size_t i = 0; i < ThrottledLog::kMaxSubjects; ++i) EXPECT_NE(logged("h" + std::to_string(i)), "");
  EXPECT_EQ(logged("one more"), "refused …: more than 1000 of these within an hour; the log names no new one for an hour\n");
  for (int i = 0; i < 100; ++i) EXPECT_EQ(logged("another " + std::to_string(i)), "");
  EXPECT_EQ(notes.recent(now).subjects, ThrottledLog::kMaxSubjects) << "further subjects are not stored";
  EXPECT_EQ(notes.recent(now).total, ThrottledLog::kMaxSubjects + 101);
  now += minutes(60);
  EXPECT_EQ(logged("one more"), "refused one more: x\n") << "the old subjects are removed";
  EXPECT_EQ(notes.recent(now).subjects, 1u);
}

}  // namespace
}  // namespace ops::tests
