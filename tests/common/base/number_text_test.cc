#include "common/base/number_text.h"

#include <gtest/gtest.h>

namespace ops::tests {
namespace {

TEST(NumberText, GroupsDigits) {
  EXPECT_EQ(grouped(0), "0");
  EXPECT_EQ(grouped(999), "999");
  EXPECT_EQ(grouped(1000), "1,000");
  EXPECT_EQ(grouped(1234567), "1,234,567");
}

TEST(NumberText, UsesThePluralExceptForOne) {
  EXPECT_EQ(counted(0, "host"), "0 hosts");
  EXPECT_EQ(counted(1, "host"), "1 host");
  EXPECT_EQ(counted(2000, "host"), "2,000 hosts");
}

}  // namespace
}  // namespace ops::tests
