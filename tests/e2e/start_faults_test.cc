// Releases whose start ends the updater, as a release does that takes the machine down, and one that an operator repairs.

#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>

#include "tests/support/boxes.h"
#include "tests/support/tarball.h"
#include "tests/support/text.h"
#include "tests/support/wait.h"

namespace ops::tests {
namespace {

using Versions = std::vector<std::string>;

/// Kills the updater at each start.
constexpr char kKiller[] =
    "#!/bin/sh\n"
    "case $1 in\n"
    "    start) echo start >>../starts; [ \"$(cat /proc/$PPID/comm)\" = ops-updater ] && kill -9 $PPID ;;\n"
    "    status) echo stoped ;;\n"
    "esac\n";

struct StartedMeta : MetaBox {
  StartedMeta() { EXPECT_TRUE(start({{"demo-agent", "1.0.0", "stop"}})) << log(); }
};

struct StartFault : testing::Test {
  /// Starts the updater again each time it has ended, as init does, until `is_over`.
  bool supervise(const std::function<bool()>& is_over) {
    return eventually([&] {
      if (!host.process().is_running()) {
        host.start();
        host.process().signal(SIGHUP);
      }
      return is_over();
    });
  }

  long starts() const {
    const std::string lines = read_file(host.agent("demo-agent") + "/starts");
    return std::count(lines.begin(), lines.end(), '\n');
  }

  bool shows(const std::string& text) const { return contains(meta.get("/status/json/demo-agent").body, text); }

  StartedMeta meta;
  UpdaterBox host{meta.address()};
};

TEST_F(StartFault, OfAnUpgradeIsRolledBackAfterTwoStarts) {
  meta.publish("demo-agent", "1.0.0", demo_agent_tarball());
  meta.publish("demo-agent", "2.0.0", make_agent_tarball(kKiller));
  ASSERT_TRUE(meta.assign({{"demo-agent", "1.0.0"}})) << meta.log();
  ASSERT_TRUE(host.start()) << host.log();
  ASSERT_TRUE(eventually([&] { return shows("\"started\"") && !shows("update"); })) << host.log();
  ASSERT_TRUE(meta.assign({{"demo-agent", "2.0.0"}}));
  EXPECT_TRUE(supervise([&] { return host.running("demo-agent") == Versions{"1.0.0"} && shows("rolled-back"); })) << host.log();
  EXPECT_EQ(starts(), 2);
  EXPECT_EQ(host.version("demo-agent"), "1.0.0");
  EXPECT_TRUE(shows("2 starts of 2.0.0 were cut short")) << meta.get("/status/json/demo-agent").body;
}

TEST_F(StartFault, OfAFirstInstallIsLatchedAfterTwoStarts) {
  meta.publish("demo-agent", "1.0.0", make_agent_tarball(kKiller));
  ASSERT_TRUE(meta.assign({{"demo-agent", "1.0.0"}})) << meta.log();
  EXPECT_TRUE(supervise([&] { return shows("\"failed\""); })) << host.log();
  EXPECT_EQ(starts(), 2);
}

/// Starts only after an operator has made ../repaired.
constexpr char kNeedsRepair[] =
    "#!/bin/sh\n"
    "case $1 in\n"
    "    start) [ -e ../repaired ] && touch ../up ;;\n"
    "    stop) rm -f ../up ;;\n"
    "    status) if [ -e ../up ]; then echo started; else echo stoped; fi ;;\n"
    "esac\n";

TEST_F(StartFault, ThatAnOperatorRepairsEndsTheLatch) {
  meta.publish("demo-agent", "1.0.0", make_agent_tarball(kNeedsRepair));
  ASSERT_TRUE(meta.start({{"demo-agent", "1.0.0"}})) << meta.log();
  ASSERT_TRUE(host.start()) << host.log();
  ASSERT_TRUE(eventually([&] { return shows("\"failed\""); })) << host.log();
  write_file(host.agent("demo-agent") + "/repaired", "");
  host.control("demo-agent", "1.0.0", "start");
  EXPECT_TRUE(eventually([&] { return shows("\"started\"") && !shows("update"); })) << host.log();
  EXPECT_FALSE(contains(read_file(host.agent("demo-agent") + "/.state"), "\"failed\""));
}

}  // namespace
}  // namespace ops::tests
