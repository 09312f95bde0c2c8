// The verbs of ./control in ops-updater's folder: hold, unhold and retry.

#include <gtest/gtest.h>

#include <filesystem>

#include "tests/support/boxes.h"
#include "tests/support/tarball.h"
#include "tests/support/wait.h"

namespace ops::tests {
namespace {

namespace fs = std::filesystem;
using Versions = std::vector<std::string>;

constexpr char kCannotStart[] = "#!/bin/sh\n[ $1 = status ] && echo stoped && exit 0\n[ $1 = stop ]\n";

struct DemoMeta : MetaBox {
  DemoMeta() {
    publish("demo-agent", "1.0.0", demo_agent_tarball("one"));
    publish("demo-agent", "2.0.0", demo_agent_tarball("two"));
    publish("demo-agent", "bad", make_agent_tarball(kCannotStart));
    EXPECT_TRUE(start({{"demo-agent", "1.0.0"}})) << log();
  }
};

struct Operator : testing::Test {
  Operator() {
    host.add_control();
    EXPECT_TRUE(host.start()) << host.log();
    EXPECT_TRUE(eventually([&] { return says("\"started\"") && !says("update"); })) << host.log();
  }

  bool says(const std::string& text) const { return meta.get("/status/json/demo-agent").body.find(text) != std::string::npos; }
  Finished control(const std::vector<std::string>& words) {
    std::vector<std::string> command = {"./control"};
    command.insert(command.end(), words.begin(), words.end());
    return run(command, host.folder());
  }

  DemoMeta meta;
  UpdaterBox host{meta.address()};
};

TEST_F(Operator, HoldKeepsAnAgentAsItIsAndIsReported) {
  EXPECT_EQ(control({"hold", "demo-agent", "debugging,", "Ann"}).exit_code, 0);
  EXPECT_TRUE(eventually([&] { return says("\"held\"") && says("debugging, Ann"); }))
      << meta.get("/status/json/demo-agent").body;
  ASSERT_TRUE(meta.assign({{"demo-agent", "2.0.0"}}));
  EXPECT_TRUE(always([&] { return host.running("demo-agent") == Versions{"1.0.0"}; }, std::chrono::seconds(3))) << host.log();

  EXPECT_EQ(control({"unhold", "demo-agent"}).exit_code, 0);
  EXPECT_TRUE(eventually([&] { return host.running("demo-agent") == Versions{"2.0.0"}; })) << host.log();
  EXPECT_TRUE(eventually([&] { return !says("\"held\""); }));
}

TEST_F(Operator, RetryClearsTheLatchOfAFailedRelease) {
  ASSERT_TRUE(meta.assign({{"demo-agent", "bad"}}));
  ASSERT_TRUE(eventually([&] { return says("\"rolled-back\""); })) << host.log();
  EXPECT_EQ(host.running("demo-agent"), Versions{"1.0.0"});

  meta.publish("demo-agent", "bad", demo_agent_tarball("repaired"));
  EXPECT_TRUE(always([&] { return host.version("demo-agent") == "1.0.0"; }, std::chrono::seconds(3))) << host.log();
  EXPECT_EQ(control({"retry", "demo-agent"}).exit_code, 0);
  EXPECT_TRUE(eventually([&] { return host.running("demo-agent") == Versions{"bad"}; })) << host.log();
  EXPECT_FALSE(exists(host.agent("demo-agent") + "/.retry"));
}

TEST_F(Operator, AFolderNamedRetryIsRemovedAfterItsUse) {
  write_file(host.agent("demo-agent") + "/.retry/a/b", "");
  EXPECT_TRUE(eventually(
      [&] { return host.log().find("the updater forgets failures and pauses, as the operator asked") != std::string::npos; }));
  EXPECT_FALSE(exists(host.agent("demo-agent") + "/.retry"));
}

TEST_F(Operator, HoldAcceptsAnAgentNameWithATrailingSlash) {
  write_file(host.agent("demo-agent") + "/.hold/a", "a folder");
  EXPECT_EQ(control({"hold", "demo-agent/", "debugging"}).output,
            "demo-agent is held; ./control unhold demo-agent ends the hold\n");
  EXPECT_EQ(read_file(host.agent("demo-agent") + "/.hold"), "debugging\n");
  EXPECT_EQ(control({"unhold", "demo-agent/"}).exit_code, 0);
  EXPECT_FALSE(exists(host.agent("demo-agent") + "/.hold"));
}

// With $CDPATH set, cd could enter a folder of the same name elsewhere, and control could stop the daemon there.
TEST_F(Operator, ControlIgnoresCdpathAndRunsUnderSh) {
  const TempDir elsewhere;
  fs::create_directories(elsewhere / "host");
  const TempDir here;
  fs::create_directory_symlink(host.folder(), here / "host");
  const std::string enter = "cd '" + here.path() + "' && CDPATH='" + elsewhere.path() + "' ";
  EXPECT_EQ(run({"bash", "-c", enter + "bash host/control status"}).output, "started\n");
  EXPECT_EQ(run({"bash", "-c", enter + "sh host/control status"}).output, "started\n");
}

TEST_F(Operator, MisspeltAgentNamesCreateNoFolders) {
  EXPECT_EQ(control({"hold", "demo-agnet"}).exit_code, 1);
  EXPECT_EQ(control({"hold", "../demo-agent"}).exit_code, 2);
  EXPECT_EQ(control({"hold"}).exit_code, 2);
  EXPECT_EQ(control({"retry", "var"}).exit_code, 2);
  EXPECT_FALSE(exists(host / "demo-agnet"));
}

}  // namespace
}  // namespace ops::tests
