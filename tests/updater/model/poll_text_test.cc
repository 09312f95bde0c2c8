#include "updater/model/poll_text.h"

#include <gtest/gtest.h>

namespace ops::updater {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(PollText, SaysTheWaitAndNamesReloadForALongOne) {
  EXPECT_EQ(next_text("asks http://m", milliseconds(2001)), "asks http://m in 3 s");
  EXPECT_EQ(next_text("asks again", seconds(173)), "asks again in 173 s");
  EXPECT_EQ(hint(seconds(10)), "");
  EXPECT_EQ(hint(seconds(11)), "; ./control reload asks now");
}

TEST(PollText, ListsTheAgents) {
  EXPECT_EQ(agents_text({}), "it names no agent for this host");
  EXPECT_EQ(agents_text({{"a", "1", "", "", "start"}, {"b", "2", "", "", ""}}), "a 1 start, b 2");
  EXPECT_LT(agents_text(std::vector<DesiredAgent>(256, {"agent", "1", "", "", "start"})).size(), 310u);
}

TEST(PollText, SaysWhenTheLastAnswerCame) {
  EXPECT_EQ(failure_text("no\nanswer", 60, 0), "no answer (at " + time_text(60) + "; no answer since the start)");
  EXPECT_EQ(failure_text("no answer", 60, 7),
            "no answer (at " + time_text(60) + "; the last answer was at " + time_text(7) + ")");
  EXPECT_EQ(time_text(0).size(), std::string("1970-01-01 00:00:00").size());
}

}  // namespace
}  // namespace ops::updater
