#include "meta/config/assignments.h"

#include <gtest/gtest.h>

#include <random>

#include "meta/config/percent_bucket.h"

namespace ops::tests {
namespace {

using meta::AgentConfig;
using meta::Answer;
using meta::Assignments;
using meta::Config;
using meta::Override;

const DesiredAgent kDefaults{"falcon-agent", "1.0.0", "http://m/falcon", "http://m/md5", "start", true};

/// kDefaults with these overrides.
AgentConfig agent(std::vector<Override> others) { return {kDefaults, std::move(others)}; }

std::vector<DesiredAgent> desired_agents(const Config& config, std::string_view hostname) {
  return Assignments(std::make_shared<const Config>(config)).agents(hostname);
}

DesiredAgent resolve(const AgentConfig& agent, std::string_view hostname) {
  Config config;
  config.agents = {agent};
  return desired_agents(config, hostname).at(0);
}

TEST(Assignments, TheDefaultAppliesWhereNoPrefixMatches) {
  EXPECT_EQ(resolve(agent({}), "h1"), kDefaults);
  EXPECT_EQ(resolve(agent({{"lg-", "2", "", "", ""}}), "h1"), kDefaults);
  EXPECT_EQ(resolve(agent({{"lg-web01-", "2", "", "", ""}}), "lg-web01"), kDefaults) << "the prefix is longer than the name";
  EXPECT_EQ(resolve(agent({{"web", "2", "", "", ""}}), "lg-web"), kDefaults) << "the name does not begin with the prefix";
  EXPECT_EQ(resolve(agent({{"LG-", "2", "", "", ""}}), "lg-web"), kDefaults) << "case matters";
}

TEST(Assignments, AnOverrideReplacesEveryFieldThatIsNotEmpty) {
  const AgentConfig all = agent({{"lg-", "2", "http://n/falcon", "http://n/md5", "stop"}});
  EXPECT_EQ(resolve(all, "lg-web"), (DesiredAgent{"falcon-agent", "2", "http://n/falcon", "http://n/md5", "stop", true}));
  EXPECT_EQ(resolve(agent({{"lg-", "", "", "", ""}}), "lg-web"), kDefaults);
  DesiredAgent stopped = kDefaults;
  stopped.cmd = "stop";
  EXPECT_EQ(resolve(agent({{"lg-", "", "", "", "stop"}}), "lg-web"), stopped);
}

TEST(Assignments, TheLaterOverrideWins) {
  const AgentConfig both = agent({{"lg-", "2", "http://n/falcon", "", ""}, {"lg-web", "3", "", "", ""}});
  EXPECT_EQ(resolve(both, "lg-web01").version, "3");
  EXPECT_EQ(resolve(both, "lg-web01").tarball, "http://n/falcon") << "the later one has no tarball, so the earlier one applies";
  EXPECT_EQ(resolve(both, "lg-db01").version, "2");
  // The order in the config counts, not the length of the prefix.
  EXPECT_EQ(resolve(agent({{"lg-web", "3", "", "", ""}, {"lg-", "2", "", "", ""}}), "lg-web01").version, "2");
}

TEST(Assignments, AnEmptyPrefixMatchesEveryHost) { EXPECT_EQ(resolve(agent({{"", "2", "", "", ""}}), "h1").version, "2"); }

TEST(Assignments, AHostnameIsAPrefixOfItself) { EXPECT_EQ(resolve(agent({{"h1", "2", "", "", ""}}), "h1").version, "2"); }

TEST(Assignments, AgentsAreInTheOrderOfTheConfig) {
  Config config;
  config.agents = {{{"b", "1", "", "", ""}, {{"h", "2", "", "", ""}}}, {{"a", "1", "", "", ""}, {}}};
  EXPECT_EQ(desired_agents(config, "h1"), (std::vector<DesiredAgent>{{"b", "2", "", "", ""}, {"a", "1", "", "", ""}}));
  EXPECT_TRUE(desired_agents({}, "h1").empty());
}

TEST(Assignments, AnOverrideWithAPercentAppliesToThatShareOfTheHosts) {
  AgentConfig canary = agent({{"lg-", "2", "", "", "", 50}});
  int on_two = 0;
  for (int i = 0; i < 1000; ++i) {
    const std::string host = "lg-" + std::to_string(i);
    const bool is_canary = resolve(canary, host).version == "2";
    EXPECT_EQ(is_canary, meta::is_in_share("falcon-agent", host, 50)) << host;
    on_two += is_canary ? 1 : 0;
    EXPECT_EQ(resolve(canary, "other-" + host), kDefaults);
  }
  EXPECT_NEAR(on_two, 500, 80);
  canary.others[0].percent = 0;
  EXPECT_EQ(resolve(canary, "lg-1"), kDefaults);
}

Answer as_desired(const DesiredAgent&, const meta::RolloutLimits&) { return Answer::desired; }

TEST(Assignments, AReplyWithTheOwnVersionHasNoChecksumOfTheAssignedOne) {
  auto config = std::make_shared<Config>();
  config->interval = std::chrono::seconds(600);
  config->agents = {{{"a", "2", "http://m/a", "0cc175b9c0f1b6a831c399e269772661", "start"}, {}, {}},
                    {{"b", "2", "http://m/b", "http://m/md5", "start"}, {{"h", "3", "", "", ""}}, {}},
                    {{"c", "2", "http://m/c", "", "start"}, {}, {}}};
  const Assignments desired(config);
  const std::vector<RealAgent> own = {{"a", "1", "started", 0}, {"b", "1", "started", 0}};
  const auto own_or_nothing = [](const DesiredAgent& agent, const meta::RolloutLimits&) {
    return agent.name == "c" ? Answer::nothing : Answer::own;
  };
  HeartbeatResponse expected;
  // The checksum in the config is that of version 2.
  expected.desired_agents = {{"a", "1", "http://m/a", "", "start"}, {"b", "1", "http://m/b", "http://m/md5", "start"}};
  expected.interval = 600;
  EXPECT_EQ(desired.reply("h1", own, own_or_nothing), to_json(expected));
  const auto nothing = [](const DesiredAgent&, const meta::RolloutLimits&) { return Answer::nothing; };
  EXPECT_EQ(desired.reply("h1", own, nothing), R"({"errorMessage":"","desiredAgents":[],"interval":600})");
}

TEST(Assignments, SendTheTimeoutsOfTheDefault) {
  auto config = std::make_shared<Config>();
  config->agents = {{{"a", "2", "http://m/a", "", "start"}, {{"h", "3", "", "", ""}}, {}}};
  config->agents[0].defaults.start_timeout = 90;
  config->agents[0].defaults.stop_timeout = 45;
  const Assignments desired(config);
  for (const Answer answer : {Answer::desired, Answer::own}) {
    for (const char* host : {"h1", "other"}) {
      const std::string reply =
          desired.reply(host, {}, [&](const DesiredAgent&, const meta::RolloutLimits&) { return answer; });
      EXPECT_NE(reply.find(R"("cmd":"start","startTimeout":90,"stopTimeout":45})"), std::string::npos) << reply;
    }
  }
}

TEST(Assignments, SendTheMirrorsOfTheUrlThatApplies) {
  auto config = std::make_shared<Config>();
  config->agents = {{{"a", "2", "http://m/a", "", "start"}, {{"x", "3", "", "", ""}, {"y", "", "http://n", "", ""}}, {}}};
  config->agents[0].defaults.mirrors = {"http://m/b", "http://m/c"};
  config->agents[0].others.push_back({"z", "", "http://n", "", "", 100, {"http://o"}});
  const Assignments desired(config);
  const auto tail = [&](const char* host) {
    const std::string reply = desired.reply(host, {}, [&](const DesiredAgent&, const meta::RolloutLimits& limits) {
      EXPECT_EQ(limits, meta::RolloutLimits());
      return Answer::own;
    });
    return reply.substr(reply.find("\"cmd\""));
  };
  EXPECT_EQ(tail("h"), R"("cmd":"start","mirrors":["http://m/b","http://m/c"]}]})");
  EXPECT_EQ(tail("x"), tail("h"));
  EXPECT_EQ(tail("y"), R"("cmd":"start"}]})");
  EXPECT_EQ(tail("z"), R"("cmd":"start","mirrors":["http://o"]}]})");
}

/// The rule of meta/README.md, without an index.
DesiredAgent resolved_by_rule(const AgentConfig& config, const std::string& hostname) {
  DesiredAgent desired = config.defaults;
  for (const Override& entry : config.others) {
    if (!hostname.starts_with(entry.prefix)) continue;
    if (!entry.version.empty()) desired.version = entry.version;
    if (!entry.tarball.empty()) desired.tarball = entry.tarball;
    if (!entry.md5.empty()) desired.md5 = entry.md5;
    if (!entry.cmd.empty()) desired.cmd = entry.cmd;
  }
  return desired;
}

TEST(Assignments, TheIndexGivesTheSameAsTheRuleForRandomConfigs) {
  std::mt19937 random(7);
  const auto pick = [&](size_t below) { return random() % below; };
  const auto text = [&](size_t most) {
    std::string some;
    for (size_t size = pick(most + 1); size > 0; --size) some += "ab-\"ä"[pick(6)];
    return some;
  };
  const auto maybe = [&](const std::string& value) { return pick(2) == 0 ? value : ""; };
  for (int round = 0; round < 300; ++round) {
    auto config = std::make_shared<Config>();
    for (size_t i = pick(4); i > 0; --i) {
      AgentConfig& agent = config->agents.emplace_back();
      agent.defaults = {"agent-" + std::to_string(i), "1", maybe("http://m/" + text(9)), "", "start"};
      for (size_t n = pick(30); n > 0; --n) {
        agent.others.push_back({text(4), maybe(std::to_string(n)), maybe("http://m/" + text(3)), maybe("x"), maybe("stop")});
      }
    }
    const Assignments desired(config);
    for (int host = 0; host < 30; ++host) {
      const std::string hostname = text(6);
      HeartbeatResponse expected;
      for (const AgentConfig& agent : config->agents) expected.desired_agents.push_back(resolved_by_rule(agent, hostname));
      ASSERT_EQ(desired.agents(hostname), expected.desired_agents) << hostname;
      ASSERT_EQ(desired.reply(hostname, {}, as_desired), to_json(expected)) << hostname;
    }
  }
}

}  // namespace
}  // namespace ops::tests
