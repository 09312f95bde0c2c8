#include "updater/schedule.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

namespace ops::updater {
namespace {

using std::chrono::seconds;
using Range = std::pair<double, double>;

double in_seconds(Clock::duration time) { return std::chrono::duration<double>(time).count(); }

/// The least and the most of many draws.
Range range_of(const std::function<Clock::duration(Random&)>& draw) {
  Random random(4711);
  Range range{1e9, -1e9};
  for (int i = 0; i < 5000; ++i) {
    const double time = in_seconds(draw(random));
    range = {std::min(range.first, time), std::max(range.second, time)};
  }
  return range;
}

/// Draws lie within least … most, and come near to both ends.
void expect_spread(const Range& range, double least, double most) {
  const double slack = (most - least) / 50;
  EXPECT_GE(range.first, least);
  EXPECT_LE(range.first, least + slack);
  EXPECT_LE(range.second, most);
  EXPECT_GE(range.second, most - slack);
}

Range delay(seconds interval, int failures, std::optional<seconds> retry_after = std::nullopt) {
  return range_of([&](Random& random) { return poll_delay(interval, failures, retry_after, random); });
}

TEST(Schedule, HostsThatBootAtOnceDoNotAskAtOnce) {
  expect_spread(range_of([](Random& random) { return first_sleep(seconds(300), random); }), 0, 300);
}

TEST(Schedule, AfterASuccessTheIntervalIsJittered) {
  expect_spread(delay(seconds(300), 0), 270, 330);
  expect_spread(delay(seconds(1), 0), 0.9, 1.1);
}

TEST(Schedule, AfterFailuresThePauseDoublesUpToTheInterval) {
  double expected = 18.75 - 0.75;  // whole seconds
  for (int failures = 1; failures <= 5; ++failures, expected *= 2) {
    expect_spread(delay(seconds(300), failures), expected * 0.75, std::min(expected, 300.0) * 1.25);
  }
  for (const int failures : {6, 20, 1000, 1'000'000'000}) expect_spread(delay(seconds(300), failures), 225, 375);
}

TEST(Schedule, AShortIntervalIsNeverABusyLoop) {
  for (const int failures : {1, 2, 50}) expect_spread(delay(seconds(1), failures), 0.75, 1.25);
}

TEST(Schedule, ARetryAfterIsTheLeastThatItWaits) {
  expect_spread(delay(seconds(300), 1, seconds(1000)), 1000, 1250);
  expect_spread(delay(seconds(300), 1, seconds(0)), 13.5, 22.5);
  EXPECT_GE(delay(seconds(300), 6, seconds(300)).first, 300);
}

TEST(Schedule, ARetryAfterOfAYearIsAnHour) {
  expect_spread(delay(seconds(300), 1, seconds(31'536'000)), 3600, 4500);
  expect_spread(delay(seconds(300), 1, seconds(4294967295)), 3600, 4500);
}

TEST(Schedule, AfterASuccessARetryAfterDoesNotCount) { expect_spread(delay(seconds(300), 0, seconds(900)), 270, 330); }

TEST(Backoff, PausesGrowToAnHour) {
  double expected = 5;
  for (int failures = 1; failures < 40; ++failures, expected = std::min(expected * 2, 3600.0)) {
    expect_spread(range_of([&](Random& random) {
                    Backoff backoff{seconds(5)};
                    for (int i = 0; i < failures; ++i) backoff.fail(Clock::time_point{}, random);
                    return backoff.until() - Clock::time_point{};
                  }),
                  expected * 0.75, expected * 1.25);
  }
}

TEST(Backoff, TheFirstFailuresAreFree) {
  Random random;
  Backoff backoff{seconds(10), 3};
  const auto now = Clock::now();
  for (int i = 0; i < 3; ++i) {
    backoff.fail(now, random);
    EXPECT_FALSE(backoff.is_paused(now));
  }
  backoff.fail(now, random);
  EXPECT_TRUE(backoff.is_paused(now + seconds(7)));
  EXPECT_FALSE(backoff.is_paused(now + seconds(13)));
  EXPECT_EQ(backoff.failures(), 4);
}

TEST(Backoff, AResetForgetsFailuresButNotWhatIsFree) {
  Random random;
  Backoff backoff{seconds(10), 1};
  const auto now = Clock::now();
  for (int i = 0; i < 5; ++i) backoff.fail(now, random);
  backoff.reset();
  EXPECT_EQ(backoff.failures(), 0);
  EXPECT_FALSE(backoff.is_paused(now));
  backoff.fail(now, random);
  EXPECT_FALSE(backoff.is_paused(now));
}

}  // namespace
}  // namespace ops::updater
