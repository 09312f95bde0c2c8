// Both daemons and their agents on Linux 3.10: system calls that are newer fail with ENOSYS (old_kernel.cc).

#include <gtest/gtest.h>

#include "common/base/text.h"
#include "tests/support/boxes.h"
#include "tests/support/tarball.h"
#include "tests/support/text.h"
#include "tests/support/wait.h"

namespace ops::tests {
namespace {

using Versions = std::vector<std::string>;

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)  // those builds are linked to the host's libraries

const std::vector<std::string> kOldKernel = {std::string(OPS_BUILD_DIR) + "/tests/old_kernel"};

struct OldKernelMeta : MetaBox {
  OldKernelMeta() {
    publish("demo-agent", "1.0.0", demo_agent_tarball("one"));
    publish("demo-agent", "2.0.0", demo_agent_tarball("two"));
    publish("demo-agent", "3.0.0", agent_tarball_that_never_starts());
    // The first start chooses the port.
    EXPECT_TRUE(start({{"demo-agent", "1.0.0"}})) << log();
    EXPECT_EQ(process().stop(), 0);
    EXPECT_TRUE(start_under(kOldKernel)) << log();
  }
};

struct OldKernel : testing::Test {
  OldKernel() {
    EXPECT_TRUE(host.start_under(kOldKernel)) << host.log();
    EXPECT_TRUE(shows("1.0.0")) << host.log();
  }

  bool shows(const std::string& version) {
    return eventually([&] { return contains(meta.status("demo-agent"), cat(" ", version, " started ")); });
  }

  OldKernelMeta meta;
  UpdaterBox host{meta.address()};
};

TEST_F(OldKernel, LacksTheNewSystemCalls) {
  for (const pid_t pid : {meta.daemon_pid(), host.daemon_pid(), host.agent_pid("demo-agent", "1.0.0")}) {
    EXPECT_TRUE(contains(read_file(cat("/proc/", pid, "/status")), "\nSeccomp:\t2\n")) << pid;
  }
}

TEST_F(OldKernel, RunsAnUpgradeARollbackAndARestart) {
  ASSERT_TRUE(meta.assign({{"demo-agent", "2.0.0"}}));
  EXPECT_TRUE(shows("2.0.0")) << host.log();

  ASSERT_TRUE(meta.assign({{"demo-agent", "3.0.0"}}));
  EXPECT_TRUE(eventually([&] { return contains(meta.get("/status/json/demo-agent").body, "rolled-back"); })) << host.log();
  EXPECT_EQ(host.running("demo-agent"), Versions{"2.0.0"}) << host.log();

  EXPECT_EQ(meta.process().stop(), 0);
  ASSERT_TRUE(meta.start_under(kOldKernel)) << meta.log();
  EXPECT_TRUE(contains(meta.log(), "read 1 host from var/hosts.table")) << meta.log();
  EXPECT_EQ(host.process().stop(), 0);
  ASSERT_TRUE(host.start_under(kOldKernel)) << host.log();
  ASSERT_TRUE(meta.receives_heartbeats(2)) << host.log();
  EXPECT_EQ(host.running("demo-agent"), Versions{"2.0.0"}) << host.log();
  EXPECT_FALSE(contains(host.log() + meta.log(), "not implemented")) << host.log() << meta.log();
}

TEST_F(OldKernel, HasAnIdForThisHost) { EXPECT_GT(read_file(host / "var/host-id").size(), 32U); }

TEST_F(OldKernel, RefusesNewContentOfTheSameVersion) {
  const std::string anew = demo_agent_tarball("one, mended");
  meta.publish("demo-agent", "1.0.0", anew);
  ASSERT_TRUE(meta.assign({{"demo-agent", "1.0.0", "start", md5_hex(anew)}}));
  EXPECT_TRUE(eventually([&] { return contains(host.log(), "publish it under another version"); })) << host.log();
  EXPECT_EQ(host.running("demo-agent"), Versions{"1.0.0"});
}

#endif

}  // namespace
}  // namespace ops::tests
