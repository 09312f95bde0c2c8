#include "meta/standby/frozen_reply.h"

#include <gtest/gtest.h>

#include "meta/standby/followed_state.h"

namespace ops::meta {
namespace {

struct FrozenReply : testing::Test {
  FrozenReply() { heartbeat.hostname = "h1"; }

  /// The entry of agent a in the reply; empty when it is left out.
  DesiredAgent reply_about_a(bool is_recent = true) const {
    const auto assignments = assignments_in(R"({"http": {}, "interval": 60, "agents": [{"default": {"name": "a", "version": "2",
      "tarball": "http://m/a", "md5": "0123456789abcdef0123456789abcdef", "cmd": ")" +
                                            cmd + "\"}}]}");
    const HeartbeatResponse reply = frozen_reply(heartbeat, *assignments, 7, is_recent);
    EXPECT_EQ(reply.generation, 7);
    EXPECT_EQ(reply.interval, 60);
    EXPECT_LE(reply.desired_agents.size(), 1U);
    return reply.desired_agents.empty() ? DesiredAgent() : reply.desired_agents.front();
  }

  std::string cmd = "start";
  HeartbeatRequest heartbeat;
};

TEST_F(FrozenReply, NamesTheVersionThatTheHostHasAndNoChecksumOfAnother) {
  heartbeat.real_agents = {{"a", "1", "started"}, {"of-an-operator", "9", "started"}};
  const DesiredAgent agent = reply_about_a();
  EXPECT_EQ(agent.version, "1");
  EXPECT_EQ(agent.md5, "");
  EXPECT_EQ(agent.cmd, "start");
}

TEST_F(FrozenReply, InstallsNoAgent) { EXPECT_EQ(reply_about_a().name, ""); }

TEST_F(FrozenReply, KeepsTheLatchOfAVersionThatFailed) {
  heartbeat.real_agents = {{"a", "1", "started"}};
  heartbeat.updates = {{"a", "2", "rolled-back"}};
  EXPECT_EQ(reply_about_a().version, "2");
  EXPECT_EQ(reply_about_a(false).version, "1") << "an old checksum of 2 would end the latch";
  heartbeat.updates = {{"a", "2", "downloading"}};
  EXPECT_EQ(reply_about_a().version, "1");
}

TEST_F(FrozenReply, StartsADeadAgentOnlyIfTheLeaderSaidSoLast) {
  heartbeat.real_agents = {{"a", "1", "stoped"}};
  EXPECT_EQ(reply_about_a(true).cmd, "start");
  EXPECT_EQ(reply_about_a(false).cmd, "") << "the leader may have stopped it since";
  cmd = "stop";
  heartbeat.real_agents = {{"a", "1", "started"}};
  EXPECT_EQ(reply_about_a(true).cmd, "");
}

}  // namespace
}  // namespace ops::meta
