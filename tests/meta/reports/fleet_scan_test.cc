#include "meta/reports/fleet_scan.h"

#include "tests/meta/reports/fleet_fixture.h"

namespace ops::tests {
namespace {

using meta::FleetScan;
using meta::HostsOf;
using meta::ReleaseScan;

struct FleetScanTest : FleetTest {
  FleetScan scan_of(const std::shared_ptr<const meta::Assignments>& desired) {
    meta::FleetScanner scanner(hosts, controller.leases(), desired, now);
    while (scanner.step()) {
    }
    return scanner.result();
  }
};

TEST_F(FleetScanTest, OfNoHosts) {
  const FleetScan scan = scan_of(want("2"));
  EXPECT_EQ(scan.of("a", "2"), ReleaseScan{});
  EXPECT_EQ(scan.of("x", "2"), ReleaseScan{});
  EXPECT_EQ(scan.oldest_host, "");
  EXPECT_EQ(scan.silent, HostsOf{});
}

TEST_F(FleetScanTest, CountsAssignedAndWaitingHosts) {
  runs("h1", "2");
  runs("h2", "1");
  runs("h3", "");
  runs("lg-1", "2");
  const FleetScan scan = scan_of(want("2", {{"lg-", "3", "", "", ""}}));
  EXPECT_EQ(scan.of("a", "2").assigned, 3u);
  EXPECT_EQ(scan.of("a", "2").waiting, 2u);
  EXPECT_EQ(scan.of("a", "3").assigned, 1u);
  EXPECT_EQ(scan.of("a", "3").waiting, 1u);
  EXPECT_EQ(scan.of("a", "1"), ReleaseScan{}) << "the config assigns it to no host";
}

TEST_F(FleetScanTest, AHostWithALeaseOrAFailureDoesNotWait) {
  const auto desired = want("2");
  runs("h1", "1");
  ASSERT_EQ(controller.decide(desired->config()->agents[0].defaults, {}, {"h1", {{"a", "1", "started", 0}}, {}, "", ""}, now),
            meta::Answer::desired);
  fails("h2", "1", "2", "it died");
  fails("h3", "1", "1.5", "of another release");
  EXPECT_EQ(scan_of(desired).of("a", "2").waiting, 1u);
}

TEST_F(FleetScanTest, HostsThatShouldStopAreNotPartOfARollout) {
  runs("h1", "1");
  EXPECT_EQ(scan_of(want("2", {{"", "", "", "", "stop"}})).of("a", "2"), ReleaseScan{});
}

TEST_F(FleetScanTest, SilentHostsAreAbsentAndNamed) {
  runs("h2", "1");
  now += std::chrono::seconds(60);
  runs("h1", "1");
  now += std::chrono::seconds(15 * 60 - 30);
  const FleetScan scan = scan_of(want("2"));
  EXPECT_EQ(scan.of("a", "2").assigned, 2u);
  EXPECT_EQ(scan.of("a", "2").waiting, 1u);
  EXPECT_EQ(scan.of("a", "2").absent, 1u);
  EXPECT_EQ(scan.silent, (HostsOf{1, {"h2"}}));
  EXPECT_EQ(scan.oldest_host, "h2");
  EXPECT_EQ(now - scan.oldest_heard_at, std::chrono::seconds(15 * 60 + 30));
}

TEST_F(FleetScanTest, ErrorsThatDifferInDigitsAreOne) {
  for (int i = 10; i < 15; ++i) fails("h" + std::to_string(i), "1", "2", "exit code " + std::to_string(i) + " after 5 s");
  fails("h2", "1", "2", "no space");
  fails("h3", "1", "1.5", "of another release");
  const auto errors = scan_of(want("2")).of("a", "2").errors;
  ASSERT_EQ(errors.size(), 2u);
  EXPECT_EQ(errors[0], std::pair(std::string("exit code 10 after 5 s"), HostsOf{5, {"h10", "h11", "h12"}}));
  EXPECT_EQ(errors[1], std::pair(std::string("no space"), HostsOf{1, {"h2"}}));
}

TEST_F(FleetScanTest, NamesTheHostsInLateTrouble) {
  for (const char* host : {"h4", "h1", "h3", "h2"}) dies_later(host, "2");
  dies_later("h5", "1.5");
  runs("h6", "2");
  const auto late = scan_of(want("2")).of("a", "2").late;
  EXPECT_EQ(late[static_cast<size_t>(meta::Trouble::died)], (HostsOf{4, {"h1", "h2", "h3"}}));
  EXPECT_EQ(late[static_cast<size_t>(meta::Trouble::restarting)], HostsOf{});
  EXPECT_EQ(late[static_cast<size_t>(meta::Trouble::silent)], HostsOf{});
}

TEST_F(FleetScanTest, BoundsTheNumberOfDifferentErrors) {
  for (char a = 'a'; a <= 'z'; ++a) {
    for (char b = 'a'; b <= 'z'; ++b) fails({'h', a, b}, "1", "2", {'e', a, b});
  }
  const auto errors = scan_of(want("2")).of("a", "2").errors;
  EXPECT_EQ(errors.size(), meta::kMaxErrorTexts + 1);
  EXPECT_EQ(errors[0].first, meta::kOtherErrors);
  EXPECT_EQ(errors[0].second.count, 26 * 26 - meta::kMaxErrorTexts);
}

TEST_F(FleetScanTest, ScansManyHostsInSteps) {
  for (int i = 0; i < 10'000; ++i) runs("h" + std::to_string(i), i % 2 == 0 ? "2" : "1");
  meta::FleetScanner scanner(hosts, controller.leases(), want("2"), now);
  int steps = 1;
  while (scanner.step()) ++steps;
  EXPECT_GT(steps, 1);
  const FleetScan scan = scanner.result();
  EXPECT_EQ(scan.of("a", "2").assigned, 10'000u);
  EXPECT_EQ(scan.of("a", "2").waiting, 5'000u);
}

TEST_F(FleetScanTest, CountsSilentHosts) {
  runs("h1", "1");
  HeartbeatRequest rare{"h2", {}, {}, "1.1.0", "linux_amd64"};
  rare.interval = 1000;
  EXPECT_TRUE(hosts.record(rare, now));
  const auto silent = [&](int seconds) {
    return meta::count_silent(hosts, *want("1")->config(), now + std::chrono::seconds(seconds));
  };
  EXPECT_EQ(silent(900), 0u) << "three intervals are not more than three";
  EXPECT_EQ(silent(901), 1u);
  EXPECT_EQ(silent(3000), 1u) << "a host's own interval counts";
  EXPECT_EQ(silent(3001), 2u);
}

}  // namespace
}  // namespace ops::tests
