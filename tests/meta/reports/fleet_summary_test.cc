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

/// A release that 50 of 100 hosts run.
ReleaseSummary half() {
  ReleaseSummary release{"a", "2", {{50, 50, 2}, {3, 1}, {}, false}, {100, 40, 4, {}}, "", 10};
  release.scan.errors = {{"it died", {2, {"h1", "h2"}}}};
  return release;
}

FleetSummary summary_of(ReleaseSummary release) {
  FleetSummary all;
  all.hosts = 100;
  all.heartbeats_per_second = 33.4;
  all.scan = std::make_shared<const meta::FleetScan>();
  all.releases = {std::move(release)};
  return all;
}

TEST(FleetSummary, DescribesARolloutInOneLine) {
  EXPECT_EQ(to_text(half()), "runs on 50 of 100 hosts; 3 updating, 40 wait, 3 failed, 4 are silent; 10 a minute, 4 min left");
}

TEST(FleetSummary, ShowsBarsErrorsAndTheReasonForAHalt) {
  ReleaseSummary release = half();
  release.state.is_halted = true;
  release.why_halted = "3 of 53 hosts failed";
  EXPECT_EQ(to_text(summary_of(release), Bars::yes),
            "100 hosts, 33 heartbeats/s\n"
            "a 2  [###############...............] 50 %  runs on 50 of 100 hosts; 3 updating, 40 wait, 3 failed, 4 are "
            "silent; 10 a minute\n"
            "    halted: 3 of 53 hosts failed\n"
            "    failed hosts: curl META:2000/status/text/a?failed=2\n"
            "    to continue in spite of failures: ./control resume a 2\n"
            "    to give it up: name another version in cfg.json, then ./control reload\n"
            "    2 x it died (h1, h2)\n");
  EXPECT_EQ(to_text(summary_of(release), Bars::no).find('['), std::string::npos);
}

TEST(FleetSummary, NamesHostsInLateTroubleBesideTheOtherHosts) {
  ReleaseSummary release = half();
  const auto died = static_cast<size_t>(meta::Trouble::died);
  release.state.reports.troubled[died] = 4;
  release.state.reports.control.hosts[died] = 1950;
  release.state.reports.control.troubled[died] = 3;
  release.scan.late[died] = {4, {"h7", "h8", "h9"}};
  const std::string text = to_text(summary_of(release), Bars::no);
  EXPECT_NE(text.find(", 4 died later, "), std::string::npos) << text;
  EXPECT_NE(text.find("    died later: h7, h8, h9 …; other hosts: 3 of 1,950\n"), std::string::npos) << text;
  EXPECT_EQ(text.find("restarting"), std::string::npos) << text;
  const auto json = nlohmann::json::parse(to_json(release));
  EXPECT_EQ(json.at("late").at("died"), 4);
  EXPECT_EQ(json.at("lateHosts"),
            (nlohmann::json{
                {"died", {"h7", "h8", "h9"}}, {"restarting", nlohmann::json::array()}, {"silent", nlohmann::json::array()}}));
  EXPECT_EQ(json.at("control").at("died"), (nlohmann::json{{"hosts", 1950}, {"troubled", 3}}));
}

TEST(FleetSummary, EstimatesTheTimeLeftFromTheRate) {
  ReleaseSummary release = half();
  EXPECT_EQ(release.time_left(), seconds(258));
  release.per_minute = 0;
  EXPECT_EQ(release.time_left(), std::nullopt);
  release.scan.waiting = 0;
  release.state.leases.inflight = 0;
  EXPECT_EQ(release.time_left(), seconds(0));
  release = half();
  release.state.is_halted = true;
  EXPECT_EQ(release.time_left(), std::nullopt);
}

/// The members "hosts" and "agents" of /status/summary, as text.
std::string counts(const meta::HostTable& hosts) {
  const std::string json = to_json(summary_of(half()), hosts);
  return json.substr(0, json.find(R"(,"now":)"));
}

void report(meta::HostTable& hosts, const std::string& hostname, std::vector<RealAgent> agents,
            std::vector<AgentUpdate> updates = {}) {
  EXPECT_TRUE(hosts.record({hostname, std::move(agents), std::move(updates), "1.0.0", "linux_amd64"},
                           std::chrono::system_clock::now()));
}

TEST(FleetSummary, CountsHostsByVersionAndState) {
  meta::HostTable hosts;
  EXPECT_EQ(counts(hosts), R"({"hosts":0,"agents":{})");
  report(hosts, "h1", {{"a", "1", "started", 0}, {"b", "1", "started", 0}});
  report(hosts, "h2", {{"a", "2", "stoped", 0}}, {{"a", "3", "failed", 0, 0, 1, 7, "why"}});
  report(hosts, "h3", {{"a", "2", "exit status 3", 0}}, {{"a", "3", "downloading"}});
  report(hosts, "h4", {});
  EXPECT_EQ(counts(hosts), R"({"hosts":4,"agents":{"a":{"versions":{)"
                           R"("2":{"hosts":2,"started":0,"stopped":1,"other":1,"updates":{}},)"
                           R"("1":{"hosts":1,"started":1,"stopped":0,"other":0,"updates":{}},)"
                           R"("3":{"hosts":0,"started":0,"stopped":0,"other":0,"updates":{"downloading":1,"failed":1}}}},)"
                           R"("b":{"versions":{"1":{"hosts":1,"started":1,"stopped":0,"other":0,"updates":{}}}}})");
}

TEST(FleetSummary, SumsUpVersionsBeyondTheLimit) {
  meta::HostTable hosts;
  for (size_t i = 0; i < meta::kMaxListedVersions + 5; ++i) {
    report(hosts, "h" + std::to_string(i), {{"a", std::to_string(i), "started", 0}});
  }
  report(hosts, "hot", {{"a", "9999", "started", 0}});
  report(hosts, "hotter", {{"a", "9999", "started", 0}});
  const auto agent = nlohmann::json::parse(to_json(summary_of(half()), hosts))["agents"]["a"];
  EXPECT_EQ(agent["versions"].size(), meta::kMaxListedVersions);
  EXPECT_EQ(agent["versions"]["9999"]["hosts"], 2) << "the versions with the most hosts are listed";
  EXPECT_EQ(agent["others"]["hosts"], 6);
  EXPECT_EQ(agent["others"]["started"], 6);
}

TEST(FleetSummary, WritesJson) {
  const meta::HostTable hosts;
  ReleaseSummary release = half();
  release.state.order = meta::Order::resume;
  const auto json = nlohmann::json::parse(to_json(summary_of(release), hosts));
  const auto& two = json["rollouts"]["a"]["2"];
  EXPECT_EQ(two["desired"], 100);
  EXPECT_EQ(two["running"], 50);
  EXPECT_EQ(two["inflight"], 3);
  EXPECT_EQ(two["failed"], 3);
  EXPECT_EQ(two["peak"], 50);
  EXPECT_EQ(two["overdue"], 1);
  EXPECT_EQ(two["waiting"], 40);
  EXPECT_EQ(two["proven"], two["peak"]) << "deprecated";
  EXPECT_EQ(two["silent"], two["overdue"]) << "deprecated";
  EXPECT_EQ(two["held"], two["waiting"]) << "deprecated";
  EXPECT_EQ(two["absent"], 4);
  EXPECT_EQ(two["byHand"], "resumed");
  EXPECT_EQ(two["perMinute"], 10.0);
  EXPECT_EQ(two["secondsLeft"], 258);
  EXPECT_EQ(two["errors"][0]["examples"][1], "h2");
  EXPECT_EQ(json["heartbeats"]["perSecond"], 33.4);
  EXPECT_FALSE(json.contains("oldest"));
}

TEST(FleetSummary, FormatsTimes) {
  EXPECT_EQ(meta::rough(seconds(119)), "119 s");
  EXPECT_EQ(meta::rough(seconds(120)), "2 min");
  EXPECT_EQ(meta::rough(seconds(3 * 3600 - 1)), "2.9 h");
}

TEST(RateEstimator, EstimatesOverItsWindow) {
  RateEstimator rate(seconds(300));
  RateEstimator::TimePoint now{};
  now += std::chrono::hours(500'000);
  EXPECT_EQ(rate.per_second(5, now), 0) << "no sample yet";
  rate.note(0, now);
  EXPECT_EQ(rate.per_second(60, now + seconds(1)), 2) << "less than a tenth of the window counts as a tenth";
  uint64_t count = 0;
  for (int i = 0; i < 60; ++i, now += seconds(10), count += 20) rate.note(count, now);
  EXPECT_NEAR(rate.per_second(count, now), 2, 0.1);
  for (int i = 0; i < 31; ++i, now += seconds(10)) rate.note(count, now);
  EXPECT_EQ(rate.per_second(count, now), 0) << "the count no longer grows";
  EXPECT_EQ(rate.per_second(count - 100, now), 0) << "the count fell";
  rate.note(count, now - std::chrono::hours(1));
  EXPECT_EQ(rate.per_second(count + 60, now - std::chrono::hours(1) + seconds(60)), 1) << "the clock was set back";
}

}  // namespace
}  // namespace ops::tests
