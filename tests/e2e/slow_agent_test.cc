// An agent that takes its time: its status changes seconds after the scripts start and stop have ended.

#include <gtest/gtest.h>

#include "tests/support/boxes.h"
#include "tests/support/tarball.h"
#include "tests/support/wait.h"

namespace ops::tests {
namespace {

std::string slow_agent(const std::string& mark) {
  return make_agent_tarball(R"(#!/bin/bash
later() { setsid bash -c "sleep 3; $1" </dev/null >/dev/null 2>&1 & }
case $1 in
    start) [[ -e up ]] || later "touch up" ;;
    stop) [[ ! -e up ]] || later "rm -f up" ;;
    status) if [[ -e up ]]; then echo started; else echo stoped; fi ;;
esac
)",
                            {{"mark", mark}});
}

struct SlowAgent : testing::Test {
  SlowAgent() {
    for (const std::string version : {"1.0.0", "2.0.0"}) meta.publish("slow", version, slow_agent(version));
    EXPECT_TRUE(meta.start({})) << meta.log();
  }

  /// For hosts that give an agent 1 s.
  static UpdaterSettings hasty() {
    UpdaterSettings settings;
    settings.settle_timeout = 1;  // seconds
    return settings;
  }

  bool runs(const std::string& version) const {
    return meta.status("slow").starts_with("h1 " + version + " started ") &&
           meta.get("/status/text/slow?phase=probation").body.empty();
  }

  MetaBox meta;
};

TEST_F(SlowAgent, IsInstalledUpgradedAndStoppedWithinTheTimeoutsFromMeta) {
  const std::string timeouts = R"(, "startTimeout": 60, "stopTimeout": 60)";
  UpdaterBox host(meta.address(), hasty());
  ASSERT_TRUE(host.start()) << host.log();
  for (const std::string version : {"1.0.0", "2.0.0"}) {
    ASSERT_TRUE(meta.assign({{"slow", version, "start", "", "", "", timeouts}}));
    EXPECT_TRUE(eventually([&] { return runs(version); })) << meta.status("slow") << host.log();
  }
  ASSERT_TRUE(meta.assign({{"slow", "2.0.0", "stop", "", "", "", timeouts}}));
  EXPECT_TRUE(eventually([&] { return meta.status("slow").starts_with("h1 2.0.0 stoped "); })) << host.log();
  EXPECT_EQ(host.log().find("did not start"), std::string::npos) << host.log();
  EXPECT_EQ(host.log().find("did not stop"), std::string::npos) << host.log();
}

TEST_F(SlowAgent, FailsAfterTheTimeoutOfTheHost) {
  UpdaterBox host(meta.address(), hasty());
  ASSERT_TRUE(host.start()) << host.log();
  ASSERT_TRUE(meta.assign({{"slow", "1.0.0"}}));
  EXPECT_TRUE(eventually([&] {
    return meta.get("/status/json/slow")
               .body.find(R"(1.0.0 did not start: start exited with code 0, its status is \"stoped\" after 1 s)") !=
           std::string::npos;
  })) << meta.get("/status/json/slow").body;
}

}  // namespace
}  // namespace ops::tests
