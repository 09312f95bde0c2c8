#include "meta/reports/explain.h"

#include <nlohmann/json.hpp>

#include "tests/meta/reports/fleet_fixture.h"

namespace ops::tests {
namespace {

struct ExplainTest : FleetTest {
  std::string text(const std::string& host, const std::shared_ptr<const meta::Assignments>& desired) {
    return to_text(explain(*desired, controller, host, *hosts.find(host), now));
  }
  /// What follows "is told".
  std::string told(const std::string& host, const std::shared_ptr<const meta::Assignments>& desired) {
    const auto explanation = explain(*desired, controller, host, *hosts.find(host), now);
    return explanation.agents[0].told + ": " + explanation.agents[0].why;
  }
};

TEST_F(ExplainTest, NamesTheLinesOfTheConfig) {
  runs("lg-web01", "2");
  now += std::chrono::seconds(12);
  EXPECT_EQ(text("lg-web01", want("1", {{"db-", "4", "", "", ""}, {"lg-", "2", "", "", ""}, {"lg-", "3", "", "", "", 0}})),
            "lg-web01, heard 12 s ago, updater 1.0.0, linux_amd64\n\n"
            "a\n"
            "  should be  2, start\n"
            "      by agents[0].default: version 1, cmd start, tarball http://m/a\n"
            "      by agents[0].others[1], hosts lg-*: version 2\n"
            "      by agents[0].others[2], hosts lg-*, 0 %: this host is not in that share\n"
            "  has        2, started\n"
            "  is told    2: it has that version\n");
}

TEST_F(ExplainTest, SaysWhatHoldsAHost) {
  const auto two = want("2");
  const DesiredAgent& agent = two->config()->agents[0].defaults;
  runs("h1", "1");
  runs("h2", "1");
  EXPECT_EQ(told("h1", two), "2: it may go, with its next heartbeat");
  controller.tell(agent, {}, {"h1", {{"a", "1", "started", 0}}, {}, "", ""}, now);
  now += std::chrono::seconds(5);
  EXPECT_EQ(told("h1", two), "2: it was told 5 s ago, and has not said how it went");
  EXPECT_EQ(told("h2", two), "1: others go first: 1 are on their way, and 1 may be");
  runs("h3", "");
  EXPECT_EQ(told("h3", two), ": others go first: 1 are on their way, and 1 may be");

  for (const char* host : {"h4", "h5", "h6"}) fails(host, "1", "2", "it died");
  EXPECT_EQ(told("h2", two), "1: the release is halted: 3 of 3 hosts failed; the limits are 3 hosts and 5 %");
  EXPECT_EQ(told("h4", two), "2: it failed there, and is told it again so that it leaves it alone");
  EXPECT_NE(text("h4", two).find("  update     2 rolled-back: it died\n"), std::string::npos) << text("h4", two);

  ASSERT_TRUE(controller.orders().give(*two->config(), "a", "2", meta::Order::halt));
  EXPECT_EQ(told("h2", two), "1: the release is halted by hand");
}

TEST_F(ExplainTest, SaysThatMetaLearns) {
  runs("h1", "1");
  controller.start_warm_up(now);
  now += std::chrono::seconds(60);
  EXPECT_EQ(told("h1", want("2")), "1: ops-meta lost what it knew, and learns for another 300 s what runs where");
}

TEST_F(ExplainTest, NamesAgentsThatNobodyLooksAfter) {
  ASSERT_TRUE(hosts.record({"h1", {{"x", "7", "stoped", 0}}, {}, "", ""}, now));
  EXPECT_NE(text("h1", want("1")).find("\nx 7, stoped\n  is not in this config, so nobody looks after it\n"),
            std::string::npos);
  EXPECT_NE(text("h1", want("1")).find("updater of Go\n"), std::string::npos) << text("h1", want("1"));
}

TEST_F(ExplainTest, SpeaksJson) {
  runs("h1", "1");
  const auto json = nlohmann::json::parse(to_json(explain(*want("2"), controller, "h1", *hosts.find("h1"), now)));
  EXPECT_EQ(json["hostname"], "h1");
  EXPECT_EQ(json["agents"][0]["name"], "a");
  EXPECT_EQ(json["agents"][0]["told"], "2");
  EXPECT_EQ(json["agents"][0]["has"], "1, started");
}

/// What it says is what the host gets.
TEST_F(ExplainTest, AgreesWithWhatIsTold) {
  const auto two = want("2");
  const meta::AgentConfig& config = two->config()->agents[0];
  for (int i = 0; i < 40; ++i) {
    const std::string host = "h" + std::to_string(i);
    const HeartbeatRequest heartbeat{host, {{"a", "1", "started", 0}}, {}, "1.0.0", "linux_amd64"};
    ASSERT_TRUE(hosts.record(heartbeat, now));
    const meta::ExplainedAnswer said = controller.explain(config.defaults, config.rollout, host, *hosts.find(host), now);
    EXPECT_EQ(controller.tell(config.defaults, config.rollout, heartbeat, now), said.told) << host << ": " << said.why;
    if (i % 3 == 0) runs(host, "2");
    if (i % 7 == 0) fails(host, "1", "2", "it died");
  }
}

}  // namespace
}  // namespace ops::tests
