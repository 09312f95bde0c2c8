#include "meta/reports/pace.h"

#include <gtest/gtest.h>

#include <cmath>

#include "meta/reports/rate_estimator.h"

namespace ops::tests {
namespace {

using meta::Pace;
using meta::time_left;
using std::chrono::seconds;

TEST(Pace, IsKnownRoughlyWhileARolloutDoubles) {
  for (const double hosts : {1000.0, 1'000'000.0}) {
    for (const double doubling : {40.0, 80.0, 350.0, 1000.0}) {
      const auto running = [&](double at) { return std::floor(std::min(hosts, std::exp2(at / doubling))); };
      const double end = doubling * std::log2(hosts);
      meta::RateEstimator rate{seconds(300)};
      for (double at = 0; at < end - 60; at += 10) {
        const meta::RateEstimator::TimePoint now{seconds(1'000'000 + static_cast<int64_t>(at))};
        const auto count = static_cast<uint32_t>(running(at));
        rate.note(count, now);
        Pace pace{count, static_cast<uint32_t>(hosts) - count, count, rate.per_second(count, now), rate.measured(now)};
        const auto left = time_left(pace);
        if (!left || count < 8) continue;
        const double factor = static_cast<double>(left->count()) / (end - at);
        EXPECT_GT(factor, 0.4) << hosts << " hosts, doubling in " << doubling << " s, after " << at << " of " << end;
        EXPECT_LT(factor, pace.slots >= pace.left ? 8 : 2.5) << hosts << ", " << doubling << " s, " << at << " of " << end;
      }
    }
  }
}

TEST(Pace, IsTheRateWhereItDoesNotDouble) {
  EXPECT_EQ(time_left({1000, 600, 4, 0.1, seconds(300)}), seconds(6000)) << "four at a time";
  EXPECT_EQ(time_left({1000, 600, 1000, 2, seconds(300)}), seconds(300)) << "all that are left may change";
}

TEST(Pace, DoublesNoFasterThanTheSoak) {
  EXPECT_EQ(time_left({1000, 7000, 1000, 3, seconds(300), seconds(600)}), seconds(1800)) << "three doublings";
}

TEST(Pace, IsNotKnownWithoutProgressOrAtTheBegin) {
  EXPECT_EQ(time_left({1000, 600, 1000, 0, seconds(300)}), std::nullopt);
  EXPECT_EQ(time_left({4, 1'000'000, 4, 0.01, seconds(300)}), std::nullopt);
  EXPECT_EQ(time_left({1000, 0, 1000, 0, seconds(300)}), seconds(0));
}

}  // namespace
}  // namespace ops::tests
