#include "meta/reports/preview.h"

#include <nlohmann/json.hpp>

#include "tests/meta/reports/fleet_fixture.h"

namespace ops::tests {
namespace {

using meta::Preview;

struct PreviewTest : FleetTest {
  Preview preview(const std::shared_ptr<const meta::Assignments>& before,
                  const std::shared_ptr<const meta::Assignments>& after) const {
    meta::Previewer previewer(hosts, before, after);
    while (previewer.step()) {
    }
    return previewer.result();
  }
  std::string text(const std::shared_ptr<const meta::Assignments>& before,
                   const std::shared_ptr<const meta::Assignments>& after) const {
    return to_text(preview(before, after));
  }
};

TEST_F(PreviewTest, ReportsNoChangeForTheSameConfig) {
  runs("h1", "1");
  EXPECT_EQ(text(want("1"), want("1")), "1 host is known.\n\na\n  no change  1 host\n");
}

TEST_F(PreviewTest, CountsHostsByInstalledAndAssignedVersion) {
  runs("h1", "1");
  runs("h2", "1");
  runs("h3", "2");
  runs("h4", "");
  EXPECT_EQ(text(want("1"), want("2")),
            "4 hosts are known.\n\na\n"
            "  (none) -> 2  1 host, like h4\n"
            "  1 -> 2  2 hosts, like h1, h2\n"
            "  no change  1 host\n");
}

TEST_F(PreviewTest, CountsHostsThatTheConfigInForceChangesToo) {
  runs("h1", "1");
  runs("h2", "2");
  EXPECT_EQ(text(want("2"), want("2")),
            "2 hosts are known.\n\na\n  1 -> 2  1 host, like h1; 1 of them by the config in force, too\n  no change  1 host\n");
}

TEST_F(PreviewTest, WarnsOfANewVersionForAllHosts) {
  runs("h1", "1.0.0");
  runs("h2", "1.0.0");
  EXPECT_NE(text(want("1.0.0"), want("1.O.1")).find("warning: no host has 1.O.1 yet, and every host would change to it"),
            std::string::npos);
  EXPECT_EQ(text(want("1.0.0"), want("1.0.0", {{"h1", "1.0.1", "", "", ""}})).find("warning"), std::string::npos)
      << "a share of the hosts needs no warning";
}

TEST_F(PreviewTest, WarnsOfAPrefixThatMatchesNoHost) {
  runs("lg-1", "1");
  EXPECT_EQ(text(want("1"), want("1", {{"lg-", "2", "", "", ""}, {"lgg-", "3", "", "", ""}})),
            "1 host is known.\n\na\n"
            "  1 -> 2  1 host, like lg-1\n"
            "  no change  0 hosts\n"
            "  others[0], hosts lg-*  1 host\n"
            "  others[1], hosts lgg-*  0 hosts\n"
            "  warning: no host has 2 yet, and every host would change to it, first one host, then more; check the version, or "
            "try it on a share with \"others\": [{\"percent\": 1, …}]\n"
            "  warning: others[1], hosts lgg-*: applies to none of the 1 host known here\n");
}

TEST_F(PreviewTest, CountsTheHostsOfAShare) {
  for (int i = 0; i < 1000; ++i) runs("h" + std::to_string(i), "1");
  const auto canary = want("1", {{"", "2", "", "", "", 5}});
  const Preview planned = preview(want("1"), canary);
  uint32_t will = 0;
  for (int i = 0; i < 1000; ++i) will += canary->agents("h" + std::to_string(i))[0].version == "2" ? 1 : 0;
  const meta::AgentPreview& agent = planned.agents[0].second;
  EXPECT_EQ(agent.moves.at({"1", "2"}).hosts.count, will);
  EXPECT_EQ(agent.overrides[0].applied, will);
  EXPECT_EQ(agent.overrides[0].matched, 1000u);
  EXPECT_EQ(agent.unchanged, 1000 - will);
}

TEST_F(PreviewTest, WarnsOfADowngrade) {
  runs("h1", "1.10.0");
  runs("h2", "1.9.0");
  EXPECT_NE(text(want("1.10.0"), want("1.9.0")).find("warning: 1.10.0 -> 1.9.0 is a downgrade, on 1 host"), std::string::npos);
  EXPECT_EQ(text(want("1.9.0"), want("1.10.0")).find("is a downgrade"), std::string::npos) << "10 is more than 9";
}

TEST_F(PreviewTest, OrdersATildeBeforeTheEnd) {
  const auto is_downgrade = [&](const std::string& from, const std::string& to) {
    runs("h1", from);
    return text(want(from), want(to)).find("is a downgrade") != std::string::npos;
  };
  const std::string in_order[] = {"1.0~~", "1.0~rc1", "1.0~rc1.1", "1.0~rc2", "1.0", "1.0.1~rc1", "1.0.1"};
  for (size_t i = 1; i < std::size(in_order); ++i) {
    EXPECT_FALSE(is_downgrade(in_order[i - 1], in_order[i])) << in_order[i];
    EXPECT_TRUE(is_downgrade(in_order[i], in_order[i - 1])) << in_order[i];
  }
}

TEST_F(PreviewTest, WarnsOfAnAgentThatTheConfigNoLongerHas) {
  runs("h1", "1");
  runs("h2", "2");
  const auto none = std::make_shared<const meta::Assignments>(std::make_shared<const meta::Config>());
  EXPECT_EQ(text(want("1"), none),
            "2 hosts are known.\n\nwarning: a is no longer in this config: 2 hosts keep running it, but ops-updater does not "
            "manage it; to stop it, use \"cmd\": \"stop\" first\n");
}

TEST_F(PreviewTest, CountsHostsThatStopAndStart) {
  runs("h1", "1");
  const auto stop = want("1", {{"", "", "", "", "stop"}});
  EXPECT_EQ(preview(want("1"), stop).agents[0].second.stops.count, 1u);
  EXPECT_EQ(preview(stop, want("1")).agents[0].second.starts.count, 1u);
}

TEST_F(PreviewTest, WritesJson) {
  runs("h1", "1");
  const auto json = nlohmann::json::parse(to_json(preview(want("1"), want("2"))));
  EXPECT_EQ(json["hosts"], 1);
  EXPECT_EQ(json["agents"]["a"]["moves"][0]["from"], "1");
  EXPECT_EQ(json["agents"]["a"]["moves"][0]["to"], "2");
  EXPECT_EQ(json["agents"]["a"]["moves"][0]["hosts"], 1);
  EXPECT_EQ(json["agents"]["a"]["noChange"], 0);
}

}  // namespace
}  // namespace ops::tests
