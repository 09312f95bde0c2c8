#include "common/base/clock.h"

#include <gtest/gtest.h>

namespace ops::tests {
namespace {

TEST(Clock, SteadyNowIsTheWallClockAsLongAsThatIsNotSet) {
  const auto wall = std::chrono::system_clock::now();
  EXPECT_LT(std::chrono::abs(steady_now() - wall), std::chrono::seconds(2));
  EXPECT_NEAR(static_cast<double>(to_wall_seconds(steady_now())),
              static_cast<double>(std::chrono::system_clock::to_time_t(std::chrono::system_clock::now())), 1);
  const WallTime whole{std::chrono::seconds(1'447'000'000)};
  EXPECT_EQ(to_wall_seconds(whole), 1'447'000'000);
}

TEST(Clock, BootTimeIsTheSameBootAndLater) {
  const BootTime then = boot_time();
  EXPECT_EQ(then.boot_id.size(), 36u) << then.boot_id;
  EXPECT_EQ(boot_time().boot_id, then.boot_id);
  EXPECT_LT(seconds_between(then, boot_time()), 60);
}

TEST(Clock, AStepOfTheWallClockChangesNoSpan) {
  const BootTime then{"boot", 100, 1'447'000'000};
  EXPECT_EQ(seconds_between(then, {"boot", 130, 1'447'003'630}), 30);
  EXPECT_EQ(seconds_between(then, {"boot", 130, 1'446'000'000}), 30);
  EXPECT_EQ(seconds_between(then, {"boot", 99, 1'447'000'000}), 0);
}

TEST(Clock, AfterAnotherBootASpanIsTheTimeSinceThatBoot) {
  EXPECT_EQ(seconds_between({"boot", 100'000, 1'447'000'000}, {"other", 20, 1'447'030'000}), 20);
}

TEST(Clock, WithoutABootIdTheWallClockDecides) {
  EXPECT_EQ(seconds_between({"", 100, 1'447'000'000}, {"boot", 5, 1'447'000'030}), 30);
  EXPECT_EQ(seconds_between({"boot", 100, 1'447'000'000}, {"", 5, 1'446'000'000}), 0);
}

}  // namespace
}  // namespace ops::tests
