// A file system below the updater's folder does not answer.

#include "tests/support/hung_folder.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

#include "tests/support/boxes.h"
#include "tests/support/tarball.h"
#include "tests/support/text.h"
#include "tests/support/wait.h"

namespace ops::tests {
namespace {

TEST(HungFolder, OfOneAgentDelaysNothingElse) {
  MetaBox meta;
  for (const char* name : {"good", "hung"}) meta.publish(name, "1.0", demo_agent_tarball());
  ASSERT_TRUE(meta.start({{"good", "1.0"}, {"hung", "1.0"}})) << meta.log();
  // The folder may hang during an observation or during an action, which may take longer.
  UpdaterBox host(meta.address(), {.control_timeout = 1, .settle_timeout = 1});
  ASSERT_TRUE(host.start()) << host.log();
  for (const char* name : {"good", "hung"}) {
    ASSERT_TRUE(eventually([&] { return contains(host.log(), std::string(name) + ": pass the probation: done"); }))
        << host.log();
  }
  ASSERT_TRUE(eventually([&] { return contains(meta.status("hung"), "h1 1.0 started "); })) << host.log();
  {
    const HungFolder hung(host.agent("hung"));
    ASSERT_EQ(hung.failure(), "");
    EXPECT_TRUE(meta.receives_heartbeats(3)) << host.log();
    EXPECT_TRUE(contains(meta.status("hung"), "h1 1.0 ")) << "the agent is not gone: " << meta.status("hung");
    const pid_t before = host.agent_pid("good", "1.0");
    send_signal(before, SIGKILL);
    EXPECT_TRUE(eventually([&] { return host.agent_pid("good", "1.0") > 0; })) << host.log();
    EXPECT_EQ(get(host.port(), "/health").body, "ok");
    EXPECT_TRUE(eventually([&] { return contains(meta.status("hung"), "its folder does not answer"); })) << host.log();
    EXPECT_EQ(host.process().stop(), 0) << "in spite of the thread that waits: " << host.log();
  }
}

// Only the thread of the main loop stops; the debug port answers from another one.
TEST(HungFolder, HealthSaysSoWhenTheMainLoopDoesNotComeRound) {
  UpdaterBox host("127.0.0.1:1");
  ASSERT_TRUE(host.start()) << host.log();
  const auto health = [&] { return get(host.port(), "/health"); };
  EXPECT_EQ(health().status, 200);
  const pid_t loop = host.process().pid();
  ASSERT_EQ(::ptrace(PTRACE_SEIZE, loop, 0, 0), 0) << "this test needs ptrace";
  ASSERT_EQ(::ptrace(PTRACE_INTERRUPT, loop, 0, 0), 0);
  EXPECT_EQ(::waitpid(loop, nullptr, __WALL), loop);
  EXPECT_TRUE(eventually([&] { return health().status == 503; }));
  EXPECT_TRUE(contains(health().body, "the main loop is late by ")) << health().body;
  ASSERT_EQ(::ptrace(PTRACE_DETACH, loop, 0, 0), 0);
  EXPECT_TRUE(eventually([&] { return health().body == "ok"; }));
}

}  // namespace
}  // namespace ops::tests
