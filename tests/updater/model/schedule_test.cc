#include "updater/model/schedule.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <vector>

namespace ops::updater {
namespace {

using std::chrono::seconds;
using Range = std::pair<double, double>;

double in_seconds(Clock::duration time) { return std::chrono::duration<double>(time).count(); }

/// The minimum and the maximum of 5000 draws.
Range range_of(const std::function<Clock::duration(Random&)>& draw) {
  Random random(4711);
  Range range{1e9, -1e9};
  for (int i = 0; i < 5000; ++i) {
    const double time = in_seconds(draw(random));
    range = {std::min(range.first, time), std::max(range.second, time)};
  }
  return range;
}

/// All draws are in [least, most], and some are near both ends.
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

TEST(Schedule, SpreadsFirstHeartbeatsAfterBootOverTheInterval) {
  const auto first = [](seconds interval, seconds uptime) {
    return range_of([=](Random& random) { return first_sleep(interval, uptime, random); });
  };
  expect_spread(first(seconds(300), seconds(0)), 0, 300);
  expect_spread(first(seconds(300), kBootTime - seconds(1)), 0, 300);
}

TEST(Schedule, SendsTheFirstHeartbeatWithinFiveSecondsLongAfterBoot) {
  const auto first = [](seconds interval, seconds uptime) {
    return range_of([=](Random& random) { return first_sleep(interval, uptime, random); });
  };
  expect_spread(first(seconds(300), kBootTime), 0, 5);
  expect_spread(first(seconds(86400), std::chrono::hours(10000)), 0, 5);
  expect_spread(first(seconds(2), kBootTime), 0, 2);
}

TEST(Schedule, JittersTheIntervalAfterASuccess) {
  expect_spread(delay(seconds(300), 0), 270, 330);
  expect_spread(delay(seconds(1), 0), 0.9, 1.1);
}

TEST(Schedule, DoublesThePauseAfterFailuresUpToTheInterval) {
  double expected = 18.75 - 0.75;  // whole seconds
  for (int failures = 1; failures <= 5; ++failures, expected *= 2) {
    expect_spread(delay(seconds(300), failures), expected * 0.75, std::min(expected, 300.0) * 1.25);
  }
  for (const int failures : {6, 20, 1000, 1'000'000'000}) expect_spread(delay(seconds(300), failures), 225, 375);
}

TEST(Schedule, PausesAtLeastThreeQuartersOfASecond) {
  for (const int failures : {1, 2, 50}) expect_spread(delay(seconds(1), failures), 0.75, 1.25);
}

TEST(Schedule, WaitsAtLeastForRetryAfter) {
  expect_spread(delay(seconds(300), 1, seconds(1000)), 1000, 1500);
  expect_spread(delay(seconds(300), 1, seconds(60)), 60, 90);
  expect_spread(delay(seconds(300), 1, seconds(0)), 13.5, 22.5);
  EXPECT_GE(delay(seconds(300), 6, seconds(300)).first, 300);
}

TEST(Schedule, CapsRetryAfterAtAnHour) {
  expect_spread(delay(seconds(300), 1, seconds(31'536'000)), 3600, 5400);
  expect_spread(delay(seconds(300), 1, seconds(4294967295)), 3600, 5400);
}

TEST(Schedule, IgnoresRetryAfterAfterASuccess) { expect_spread(delay(seconds(300), 0, seconds(900)), 270, 330); }

struct PollingTest : testing::Test {
  /// Sends a heartbeat when it is due, and returns that time.
  Clock::time_point send() {
    const auto now = polling.next();
    EXPECT_TRUE(polling.is_round_due(now));
    polling.sent(now);
    EXPECT_FALSE(polling.is_due(now + std::chrono::hours(9))) << "the answer has not come yet";
    return now;
  }
  double answer(seconds asked = seconds(0)) {
    const auto now = send();
    polling.answered(own, asked, now, random);
    return in_seconds(polling.next() - now);
  }
  double fail(std::optional<seconds> retry_after = std::nullopt) {
    const auto now = send();
    polling.failed(own, retry_after, now, random);
    return in_seconds(polling.next() - now);
  }

  const seconds own{300};
  const Clock::time_point start = Clock::now();
  Random random{4711};
  Polling polling{own, kBootTime, start, random};
};

void expect_between(double least, double value, double most) {
  EXPECT_GE(value, least);
  EXPECT_LE(value, most);
}

TEST_F(PollingTest, SendsTheFirstHeartbeatWithinTheInterval) { expect_between(0, in_seconds(polling.next() - start), 300); }

TEST_F(PollingTest, UsesMetasIntervalUntilAnAnswerHasNone) {
  expect_between(270, answer(), 330);
  expect_between(540, answer(seconds(600)), 660);
  expect_between(0.75 * 37, fail(), 1.25 * 37);  // a sixteenth of it
  expect_between(0.9, answer(seconds(1)), 1.1);
  expect_between(270, answer(), 330);
}

TEST_F(PollingTest, ReportsChangesAtOnceWhileMetaAnswers) {
  answer();
  const auto now = polling.next() - seconds(100);
  EXPECT_FALSE(polling.is_due(now));
  polling.report_soon();
  EXPECT_TRUE(polling.is_due(now));
  EXPECT_FALSE(polling.is_round_due(now));
  polling.sent(now);
  polling.report_soon();
  polling.answered(own, seconds(0), now, random);
  EXPECT_TRUE(polling.is_due(now)) << "a change after the heartbeat was sent";
}

// When a shared service fails, many agents change while ops-meta has problems, too.
TEST_F(PollingTest, ReportsChangesAfterThePauseWhenMetaFails) {
  fail(seconds(60));
  polling.report_soon();
  EXPECT_FALSE(polling.is_due(polling.next() - seconds(1)));
  EXPECT_TRUE(polling.is_due(polling.next()));
}

TEST_F(PollingTest, EndsAPauseWhenTheOperatorAsks) {
  fail(seconds(3000));
  polling.ask_now();
  EXPECT_TRUE(polling.is_round_due(polling.next() - seconds(1000)));
  polling.sent(start);
  polling.ask_now();
  polling.answered(own, seconds(0), start, random);
  EXPECT_TRUE(polling.is_round_due(start)) << "the operator asked again before the answer";
}

TEST_F(PollingTest, SendsForAUserOfTheHostAtMostOneHeartbeatASecond) {
  answer();
  polling.ask_soon();
  const auto now = polling.next() - seconds(200);
  EXPECT_TRUE(polling.is_round_due(now));
  polling.sent(now);
  polling.ask_soon();
  polling.answered(own, seconds(0), now, random);
  EXPECT_FALSE(polling.is_due(now + kUsersPause / 2));
  EXPECT_EQ(polling.round_at(), now + kUsersPause);
  EXPECT_TRUE(polling.is_round_due(now + kUsersPause));
}

TEST_F(PollingTest, DoesNotEndAPauseForAUserOfTheHost) {
  for (const auto& retry_after : {std::optional<seconds>(60), std::optional<seconds>()}) {
    fail(retry_after);
    polling.ask_soon();
    EXPECT_EQ(polling.round_at(), polling.next());
    EXPECT_FALSE(polling.is_due(polling.next() - seconds(1)));
    EXPECT_TRUE(polling.is_due(polling.next()));
  }
}

// 1000 hosts lose ops-meta in the same second and reach it again an hour later.
TEST_F(PollingTest, SpreadsHostsAfterAnOutage) {
  std::vector<Clock::time_point> back;
  const auto outage = start + std::chrono::hours(1);
  for (unsigned seed = 1; seed <= 1000; ++seed) {
    random.seed(uint64_t{seed} * 7919);
    polling = Polling(own, kBootTime, start - own, random);
    for (auto now = start; now < outage; now = polling.next()) polling.failed(own, seconds(60), now, random);
    back.push_back(polling.next());
  }
  std::sort(back.begin(), back.end());
  size_t most = 0;  // heartbeats within the same 10 s
  for (size_t first = 0, last = 0; last < back.size(); ++last) {
    while (back[last] - back[first] > seconds(10)) ++first;
    most = std::max(most, last - first + 1);
  }
  EXPECT_LT(most, 70u) << "of a thousand hosts with an interval of 300 s";
  EXPECT_GT(in_seconds(back.back() - back.front()), 250);
}

TEST(Backoff, PausesAtLeastForRetryAfter) {
  const auto pause = [](seconds retry_after) {
    return range_of([&](Random& random) {
      Backoff backoff{seconds(5)};
      backoff.fail(Clock::time_point{}, random, retry_after);
      return backoff.until() - Clock::time_point{};
    });
  };
  expect_spread(pause(seconds(60)), 60, 90);
  expect_spread(pause(seconds(1)), 3.75, 6.25);
  expect_spread(pause(seconds(31'536'000)), 3600, 5400);
}

TEST(Backoff, DoublesPausesUpToAnHour) {
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

TEST(Backoff, DoesNotPauseAfterTheFreeFailures) {
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

TEST(Backoff, ResetKeepsTheNumberOfFreeFailures) {
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
