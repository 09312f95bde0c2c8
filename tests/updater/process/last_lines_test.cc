#include "updater/process/last_lines.h"

#include <gtest/gtest.h>

namespace ops::updater {
namespace {

TEST(LastLines, AreAtMostFiveWithoutBlankOnes) {
  EXPECT_EQ(last_lines(""), "");
  EXPECT_EQ(last_lines(" \n\n"), "");
  EXPECT_EQ(last_lines("one\n"), "one");
  EXPECT_EQ(last_lines("1\n2\n\n 3 \r\n4\n5\n6\n\n"), "2 | 3 | 4 | 5 | 6");
}

TEST(LastLines, AreOneLineAndKeepTheirEnd) {
  EXPECT_EQ(last_lines("a\tb\x1b[0m"), "a b [0m");
  const std::string line = last_lines(std::string(200, 'x') + "\xc3\xa9" + std::string(299, 'y'));
  EXPECT_EQ(line, "…" + std::string(299, 'y')) << "it is cut between two characters";
}

}  // namespace
}  // namespace ops::updater
