#include "meta/reports/rollout_reporter.h"

#include "tests/meta/reports/fleet_fixture.h"
#include "tests/support/whole_body.h"

namespace ops::tests {
namespace {

using meta::Bars;
using meta::FleetSummary;
using meta::RolloutReporter;
using std::chrono::seconds;

struct RolloutReporterTest : FleetTest {
  /// The log lines of so much simulated time.
  std::string logged_in(seconds time) {
    testing::internal::CaptureStderr();
    for (const auto end = now + time; now < end; now += RolloutReporter::kTick) reporter.tick(now);
    return testing::internal::GetCapturedStderr();
  }
  /// One heartbeat of each host. A host that is told to change runs the new version at its next heartbeat.
  void round(int hosts_of_it) {
    const meta::AgentConfig& config = two->config()->agents[0];
    for (int i = 0; i < hosts_of_it; ++i) {
      const std::string host = "h" + std::to_string(i);
      const HeartbeatRequest heartbeat{host, {{"a", version[host].empty() ? "1" : version[host], "started", 0}}, {}, "", ""};
      ASSERT_TRUE(hosts.record(heartbeat, now));
      if (controller.decide(config.defaults, config.rollout, heartbeat, now) == meta::Answer::desired) version[host] = "2";
    }
  }
  std::string text() {
    HttpResponse response;
    response.stream = reporter.stream([](const FleetSummary& summary) { return to_text(summary, Bars::no); });
    return whole_body(response);
  }

  std::shared_ptr<const meta::Assignments> two = want("2");
  DurationHistogram heartbeats;
  meta::ThrottledLog refused{"refused"};
  meta::ChangeReporter changes{hosts};
  RolloutReporter reporter{hosts, controller, heartbeats, refused, changes, [this] { return two; }};
  std::map<std::string, std::string> version;  // by host
};

TEST_F(RolloutReporterTest, LogsNothingWithoutARollout) {
  round(0);
  for (int i = 0; i < 20; ++i) runs("h" + std::to_string(i), "2");
  EXPECT_EQ(logged_in(std::chrono::hours(2)), "");
  EXPECT_EQ(text(), "20 hosts, 0 heartbeats/s\na 2  runs on 20 of 20 hosts\n");
}

TEST_F(RolloutReporterTest, LogsTheProgressOfARolloutInAFewLines) {
  std::string lines;
  for (int minute = 0; minute < 60; ++minute) {
    if (minute % 5 == 0) round(100);
    lines += logged_in(seconds(60));
  }
  EXPECT_NE(lines.find("a 2 runs on "), std::string::npos) << lines;
  EXPECT_NE(lines.find("a 2 is done after "), std::string::npos) << lines;
  EXPECT_NE(lines.find("it runs on 100 of 100 hosts"), std::string::npos) << lines;
  EXPECT_LE(std::count(lines.begin(), lines.end(), '\n'), 7) << lines;
}

TEST_F(RolloutReporterTest, EstimatesTheRateAndTheTimeLeft) {
  for (int i = 0; i < 100; ++i) runs("h" + std::to_string(i), "1");
  for (int i = 0; i < 50; ++i) {
    runs("h" + std::to_string(i), "2");
    reporter.tick(now);
    now += seconds(6);
  }
  EXPECT_EQ(to_text(reporter.summary(now).releases[0]), "runs on 50 of 100 hosts; 50 wait; 10 a minute, 5 min left");
}

TEST_F(RolloutReporterTest, StreamsShareAScan) {
  for (int i = 0; i < 20'000; ++i) runs("h" + std::to_string(i), "1");
  std::vector<BodyStream> streams;
  for (int i = 0; i < 100; ++i) streams.push_back(reporter.stream([](const FleetSummary&) { return "x"; }));
  int calls = 0;
  for (bool is_any_left = true; is_any_left; ++calls) {
    is_any_left = false;
    for (BodyStream& stream : streams) {
      std::string piece;
      is_any_left = stream(piece) || is_any_left;
    }
  }
  EXPECT_LE(calls, 3) << "each call makes one step of the same scan";
}

TEST_F(RolloutReporterTest, ScansAgainForAnotherConfig) {
  runs("h1", "1");
  EXPECT_NE(text().find("a 2  runs on 0 of 1 host"), std::string::npos) << text();
  two = want("1");
  EXPECT_NE(text().find("a 1  runs on 1 of 1 host"), std::string::npos) << text();
}

}  // namespace
}  // namespace ops::tests
