#include "meta/reports/explain.h"

#include <nlohmann/json.hpp>

#include "tests/meta/reports/fleet_fixture.h"

namespace ops::tests {
namespace {

struct ExplainTest : FleetTest {
  std::string text(const std::string& host, const std::shared_ptr<const meta::Assignments>& desired) {
    return to_text(explain(*desired, controller, host, *hosts.find(host), now));
  }
  /// The text after "answer".
  std::string answer(const std::string& host, const std::shared_ptr<const meta::Assignments>& desired) {
    const auto explanation = explain(*desired, controller, host, *hosts.find(host), now);
    return explanation.agents[0].answer + ": " + explanation.agents[0].why;
  }
};

TEST_F(ExplainTest, NamesTheEntriesOfTheConfig) {
  runs("lg-web01", "2");
  now += std::chrono::seconds(12);
  EXPECT_EQ(text("lg-web01", want("1", {{"db-", "4", "", "", ""}, {"lg-", "2", "", "", ""}, {"lg-", "3", "", "", "", 0}})),
            "lg-web01, last heartbeat 12 s ago, updater 1.0.0, linux_amd64\n\n"
            "a\n"
            "  assigned   2, start\n"
            "      by agents[0].default: version 1, cmd start, tarball http://m/a\n"
            "      by agents[0].others[1], hosts lg-*: version 2\n"
            "      by agents[0].others[2], hosts lg-*, 0 %: this host is not in the share\n"
            "  installed  2, started\n"
            "  answer     2: the host has this version\n");
}

TEST_F(ExplainTest, SaysWhyAHostDoesNotChange) {
  const auto two = want("2");
  const DesiredAgent& agent = two->config()->agents[0].defaults;
  runs("h1", "1");
  runs("h2", "1");
  EXPECT_EQ(answer("h1", two), "2: the host gets a lease with its next heartbeat");
  controller.decide(agent, {}, {"h1", {{"a", "1", "started", 0}}, {}, "", ""}, now);
  now += std::chrono::seconds(5);
  EXPECT_EQ(answer("h1", two), "2: the host got its lease 5 s ago and has not reported the result");
  EXPECT_EQ(answer("h2", two), "1: the host waits for a lease: 1 of 1 are in use");
  runs("h3", "");
  EXPECT_EQ(answer("h3", two), ": the host waits for a lease: 1 of 1 are in use");

  for (const char* host : {"h4", "h5", "h6"}) fails(host, "1", "2", "it died");
  EXPECT_EQ(answer("h2", two), "1: the release is halted: 3 of 3 hosts failed; the limits are 3 hosts and 5 %");
  EXPECT_EQ(answer("h4", two), "2: this version failed on the host; ops-meta names it again, so that the host keeps its latch");
  EXPECT_NE(text("h4", two).find("  update     2 rolled-back: it died\n"), std::string::npos) << text("h4", two);

  ASSERT_TRUE(controller.orders().give(*two->config(), "a", "2", meta::Order::halt));
  EXPECT_EQ(answer("h2", two), "1: the release is halted by hand");
}

TEST_F(ExplainTest, NamesTheWarmUp) {
  runs("h1", "1");
  controller.start_warm_up(now);
  now += std::chrono::seconds(60);
  EXPECT_EQ(answer("h1", want("2")),
            "1: ops-meta lost the state of its rollouts; no host changes in the warm-up, for another 300 s");
}

TEST_F(ExplainTest, NamesAgentsThatTheConfigDoesNotHave) {
  ASSERT_TRUE(hosts.record({"h1", {{"x", "7", "stoped", 0}}, {}, "", ""}, now));
  EXPECT_NE(text("h1", want("1")).find("\nx 7, stoped\n  is not in the config: ops-updater does not manage it\n"),
            std::string::npos);
  EXPECT_NE(text("h1", want("1")).find("Go updater\n"), std::string::npos) << text("h1", want("1"));
}

TEST_F(ExplainTest, WritesJson) {
  runs("h1", "1");
  const auto json = nlohmann::json::parse(to_json(explain(*want("2"), controller, "h1", *hosts.find("h1"), now)));
  EXPECT_EQ(json["hostname"], "h1");
  EXPECT_EQ(json["agents"][0]["name"], "a");
  EXPECT_EQ(json["agents"][0]["told"], "2");
  EXPECT_EQ(json["agents"][0]["has"], "1, started");
}

TEST_F(ExplainTest, AgreesWithTheAnswerToTheHeartbeat) {
  const auto two = want("2");
  const meta::AgentConfig& config = two->config()->agents[0];
  for (int i = 0; i < 40; ++i) {
    const std::string host = "h" + std::to_string(i);
    const HeartbeatRequest heartbeat{host, {{"a", "1", "started", 0}}, {}, "1.0.0", "linux_amd64"};
    ASSERT_TRUE(hosts.record(heartbeat, now));
    const meta::ExplainedAnswer said = controller.explain(config.defaults, config.rollout, host, *hosts.find(host), now);
    EXPECT_EQ(controller.decide(config.defaults, config.rollout, heartbeat, now), said.answer) << host << ": " << said.why;
    if (i % 3 == 0) runs(host, "2");
    if (i % 7 == 0) fails(host, "1", "2", "it died");
  }
}

}  // namespace
}  // namespace ops::tests
