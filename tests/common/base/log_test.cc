#include "common/base/log.h"

#include <gtest/gtest.h>

#include <ostream>

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
