#include "meta/reports/fleet_summary.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "meta/reports/rate_estimator.h"

namespace ops::tests {
namespace {

using meta::Bars;
using meta::FleetSummary;
using meta::RateEstimator;
using meta::ReleaseSummary;
using std::chrono::seconds;

/// Half of a hundred hosts run it.
ReleaseSummary half() {
  ReleaseSummary release{"a", "2", {{50, 50, 2}, {3, 1}, {}, false}, {100, 40, 4, {}}, "", 10};
  release.scan.errors = {{"it died", {2, {"h1", "h2"}}}};
  return release;
}

FleetSummary overview(ReleaseSummary release) {
  FleetSummary all;
  all.hosts = 100;
  all.heartbeats_per_second = 33.4;
  all.scan = std::make_shared<const meta::FleetScan>();
  all.releases = {std::move(release)};
  return all;
}

TEST(FleetSummary, SaysHowARolloutGetsOn) {
  EXPECT_EQ(to_text(half()),
            "runs on 50 of 100 hosts; 3 on their way, 40 wait, 3 failed, 4 are silent; 10 a minute, 4 min left");
}

TEST(FleetSummary, ForPeopleHasBarsErrorsAndTheReasonOfAHalt) {
  ReleaseSummary release = half();
  release.state.is_halted = true;
  release.why_halted = "3 of 53 hosts failed";
  EXPECT_EQ(to_text(overview(release), Bars::yes),
            "100 hosts, 33 heartbeats/s\n"
            "a 2  [###############...............] 50 %  runs on 50 of 100 hosts; 3 on their way, 40 wait, 3 failed, 4 are "
            "silent; 10 a minute\n"
            "    halted: 3 of 53 hosts failed\n"
            "    2 x it died (h1, h2)\n");
  EXPECT_EQ(to_text(overview(release), Bars::no).find('['), std::string::npos);
}

TEST(FleetSummary, TheTimeLeftIsSaidWhenItCanBe) {
  ReleaseSummary release = half();
  EXPECT_EQ(release.time_left(), seconds(258));
  release.per_minute = 0;
  EXPECT_EQ(release.time_left(), std::nullopt);
  release.scan.held = 0;
  release.state.leases.inflight = 0;
  EXPECT_EQ(release.time_left(), seconds(0));
  release = half();
  release.state.is_halted = true;
  EXPECT_EQ(release.time_left(), std::nullopt);
}

TEST(FleetSummary, SpeaksJson) {
  const meta::HostTable hosts;
  ReleaseSummary release = half();
  release.state.order = meta::Order::resume;
  const auto json = nlohmann::json::parse(to_json(overview(release), hosts));
  const auto& two = json["rollouts"]["a"]["2"];
  EXPECT_EQ(two["desired"], 100);
  EXPECT_EQ(two["running"], 50);
  EXPECT_EQ(two["inflight"], 3);
  EXPECT_EQ(two["failed"], 3);
  EXPECT_EQ(two["silent"], 1);
  EXPECT_EQ(two["held"], 40);
  EXPECT_EQ(two["absent"], 4);
  EXPECT_EQ(two["byHand"], "resumed");
  EXPECT_EQ(two["perMinute"], 10.0);
  EXPECT_EQ(two["secondsLeft"], 258);
  EXPECT_EQ(two["errors"][0]["examples"][1], "h2");
  EXPECT_EQ(json["heartbeats"]["perSecond"], 33.4);
  EXPECT_FALSE(json.contains("oldest"));
}

TEST(FleetSummary, NumbersReadWell) {
  EXPECT_EQ(meta::grouped(0), "0");
  EXPECT_EQ(meta::grouped(999), "999");
  EXPECT_EQ(meta::grouped(1000), "1,000");
  EXPECT_EQ(meta::grouped(1234567), "1,234,567");
  EXPECT_EQ(meta::rough(seconds(119)), "119 s");
  EXPECT_EQ(meta::rough(seconds(120)), "2 min");
  EXPECT_EQ(meta::rough(seconds(3 * 3600 - 1)), "2.9 h");
}

TEST(RateEstimator, IsThatOfTheLastMinutes) {
  RateEstimator pace(seconds(300));
  RateEstimator::TimePoint now{};
  now += std::chrono::hours(500'000);
  EXPECT_EQ(pace.per_second(5, now), 0) << "nothing is known";
  pace.note(0, now);
  EXPECT_EQ(pace.per_second(60, now + seconds(1)), 2) << "a moment is no pace";
  uint64_t count = 0;
  for (int i = 0; i < 60; ++i, now += seconds(10), count += 20) pace.note(count, now);
  EXPECT_NEAR(pace.per_second(count, now), 2, 0.1);
  for (int i = 0; i < 31; ++i, now += seconds(10)) pace.note(count, now);
  EXPECT_EQ(pace.per_second(count, now), 0) << "it came to rest";
  EXPECT_EQ(pace.per_second(count - 100, now), 0) << "it fell";
  pace.note(count, now - std::chrono::hours(1));
  EXPECT_EQ(pace.per_second(count + 60, now - std::chrono::hours(1) + seconds(60)), 1) << "the clock was set back";
}

}  // namespace
}  // namespace ops::tests
