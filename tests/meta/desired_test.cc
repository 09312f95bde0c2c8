#include "meta/desired.h"

#include <gtest/gtest.h>

namespace ops::tests {
namespace {

using meta::AgentConfig;
using meta::resolve;

const DesiredAgent kDefaults{"falcon-agent", "1.0.0", "http://m/falcon", "http://m/md5", "start"};

/// The agent with these overrides.
AgentConfig agent(std::vector<meta::Override> others) { return {kDefaults, std::move(others)}; }

TEST(Desired, IsTheDefaultWhereNoPrefixMatches) {
  EXPECT_EQ(resolve(agent({}), "h1"), kDefaults);
  EXPECT_EQ(resolve(agent({{"lg-", "2", "", "", ""}}), "h1"), kDefaults);
  EXPECT_EQ(resolve(agent({{"lg-web01-", "2", "", "", ""}}), "lg-web01"), kDefaults) << "the prefix is longer than the name";
  EXPECT_EQ(resolve(agent({{"web", "2", "", "", ""}}), "lg-web"), kDefaults) << "it stands elsewhere in the name";
  EXPECT_EQ(resolve(agent({{"LG-", "2", "", "", ""}}), "lg-web"), kDefaults) << "it has other letters";
}

TEST(Desired, EveryFieldCanBeOverriddenAndEmptyOnesInherit) {
  const AgentConfig all = agent({{"lg-", "2", "http://n/falcon", "http://n/md5", "stop"}});
  EXPECT_EQ(resolve(all, "lg-web"), (DesiredAgent{"falcon-agent", "2", "http://n/falcon", "http://n/md5", "stop"}));
  EXPECT_EQ(resolve(agent({{"lg-", "", "", "", ""}}), "lg-web"), kDefaults);
  DesiredAgent stopped = kDefaults;
  stopped.cmd = "stop";
  EXPECT_EQ(resolve(agent({{"lg-", "", "", "", "stop"}}), "lg-web"), stopped);
}

TEST(Desired, LaterOverrideWins) {
  const AgentConfig both = agent({{"lg-", "2", "http://n/falcon", "", ""}, {"lg-web", "3", "", "", ""}});
  EXPECT_EQ(resolve(both, "lg-web01").version, "3");
  EXPECT_EQ(resolve(both, "lg-web01").tarball, "http://n/falcon") << "what the later one leaves open comes from the earlier";
  EXPECT_EQ(resolve(both, "lg-db01").version, "2");
  // By their order in the config, and not by how much of the name they match.
  EXPECT_EQ(resolve(agent({{"lg-web", "3", "", "", ""}, {"lg-", "2", "", "", ""}}), "lg-web01").version, "2");
}

TEST(Desired, EmptyPrefixMatchesEveryHost) { EXPECT_EQ(resolve(agent({{"", "2", "", "", ""}}), "h1").version, "2"); }

TEST(Desired, WholeNameIsAPrefixOfItself) { EXPECT_EQ(resolve(agent({{"h1", "2", "", "", ""}}), "h1").version, "2"); }

TEST(Desired, HasEveryAgentInTheOrderOfTheConfig) {
  meta::Config config;
  config.agents = {{{"b", "1", "", "", ""}, {{"h", "2", "", "", ""}}}, {{"a", "1", "", "", ""}, {}}};
  EXPECT_EQ(meta::desired_agents(config, "h1"), (std::vector<DesiredAgent>{{"b", "2", "", "", ""}, {"a", "1", "", "", ""}}));
  EXPECT_TRUE(meta::desired_agents({}, "h1").empty());
}

}  // namespace
}  // namespace ops::tests
