#include "common/base/log.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <ctime>
#include <ostream>
#include <regex>

namespace ops::tests {
namespace {

/// Counts how often it is printed.
struct Printed {
  int& times;
};

std::ostream& operator<<(std::ostream& out, const Printed& printed) {
  ++printed.times;
  return out << "printed";
}

TEST(Log, BeginsEachLineWithTheTimeAndItsZone) {
  ::setenv("TZ", "CST-8", 1);
  ::tzset();
  testing::internal::CaptureStderr();
  log::info("a line");
  const std::string line = testing::internal::GetCapturedStderr();
  EXPECT_TRUE(std::regex_match(line, std::regex(R"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} \+08:00 info a line\n)"))) << line;
}

TEST(Log, MakesADebugLineOnlyWhenDebugIsOn) {
  int times = 0;
  log::set_debug(false);
  log::debug(Printed{times});
  EXPECT_EQ(times, 0);
  log::set_debug(true);
  log::debug(Printed{times});
  EXPECT_EQ(times, 1);
  log::set_debug(false);
}

}  // namespace
}  // namespace ops::tests
