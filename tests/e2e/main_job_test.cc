// The main function of the two daemons: they install, upgrade, stop and supervise an agent.

#include <gtest/gtest.h>
#include <signal.h>

#include "tests/support/boxes.h"
#include "tests/support/tarball.h"
#include "tests/support/wait.h"

namespace ops::tests {
namespace {

using Versions = std::vector<std::string>;

/// An ops-meta with demo-agent 1.0.0 and 2.0.0. It assigns 1.0.0.
struct DemoMeta : MetaBox {
  DemoMeta() {
    publish("demo-agent", "1.0.0", demo_agent_tarball("one"));
    publish("demo-agent", "2.0.0", demo_agent_tarball("two"));
    EXPECT_TRUE(start({{"demo-agent", "1.0.0"}})) << log();
  }
};

struct MainJob : testing::Test {
  bool meta_says(const std::string& words) const {
    return eventually([&] { return meta.status("demo-agent").starts_with("h1 " + words + " "); });
  }

  DemoMeta meta;
  UpdaterBox host{meta.address()};
};

TEST_F(MainJob, InstallsUpgradesAndStopsAnAgent) {
  ASSERT_TRUE(host.start()) << host.log();
  EXPECT_TRUE(meta_says("1.0.0 started")) << host.log();
  EXPECT_EQ(host.version("demo-agent"), "1.0.0");

  ASSERT_TRUE(meta.assign({{"demo-agent", "2.0.0"}}));
  EXPECT_TRUE(meta_says("2.0.0 started")) << host.log();
  EXPECT_EQ(host.version("demo-agent"), "2.0.0");
  EXPECT_EQ(host.running("demo-agent"), Versions{"2.0.0"});

  ASSERT_TRUE(meta.assign({{"demo-agent", "2.0.0", "stop"}}));
  EXPECT_TRUE(meta_says("2.0.0 stoped")) << host.log();
  EXPECT_EQ(host.running("demo-agent"), Versions{});
}

TEST_F(MainJob, StartsAnAgentThatDied) {
  ASSERT_TRUE(host.start()) << host.log();
  ASSERT_TRUE(meta_says("1.0.0 started")) << host.log();
  ASSERT_TRUE(eventually([&] { return meta.get("/status/json/demo-agent").body.find("update") == std::string::npos; }))
      << "the probation does not end\n"
      << host.log();
  const pid_t first = host.agent_pid("demo-agent", "1.0.0");
  ASSERT_GT(first, 0);
  send_signal(first, SIGKILL);
  EXPECT_TRUE(eventually([&] {
    const pid_t now = host.agent_pid("demo-agent", "1.0.0");
    return now > 0 && now != first;
  })) << host.log();
}

}  // namespace
}  // namespace ops::tests
