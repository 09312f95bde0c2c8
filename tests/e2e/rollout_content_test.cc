// A release is its version and its content: other content under the same version, named by its md5 in the config, is rolled
// out.

#include <memory>
#include <vector>

#include "tests/e2e/reports_fixture.h"
#include "tests/support/tarball.h"
#include "tests/support/text.h"
#include "tests/support/wait.h"

namespace ops::tests {
namespace {

const std::string kOld(32, 'a');
const std::string kNew(32, 'b');
constexpr int kHosts = 40;

/// All hosts run version 2 with the content kOld.
struct Content : Reports {
  Content() {
    start("1");
    assign("2", "{}", kOld);
    for (int i = 0; i < kHosts; ++i) report(host(i), "2", "", kOld);
  }
  /// The md5 in the reply to a host that runs 2 with the content `md5`.
  std::string told(int number, const std::string& md5, const std::string& updates = "") const {
    const std::string agent = R"({"name":"a","version":"2","status":"started","md5":")" + md5 + "\"}";
    const std::string body =
        http(meta.port(), "POST", "/heartbeat",
             R"({"hostname":")" + host(number) + R"(","realAgents":[)" + agent + R"(],"updates":[)" + updates + "]}")
            .body;
    return nlohmann::json::parse(body).at("desiredAgents").at(0).at("md5");
  }
};

TEST_F(Content, OtherContentGoesToOneHostFirstAndDoubles) {
  assign("2", "{}", kNew);
  EXPECT_EQ(rollout("2").at("running"), 0) << "hosts with the old content do not count";
  EXPECT_EQ(told(0, kOld), kNew);
  for (int i = 1; i < kHosts; ++i) EXPECT_NE(told(i, kOld), kNew) << i;
  EXPECT_EQ(rollout("2").at("waiting"), kHosts - 1);
  told(0, kNew);
  EXPECT_EQ(rollout("2").at("running"), 1);
  EXPECT_EQ(told(1, kOld), kNew);
  EXPECT_NE(told(2, kOld), kNew);
}

TEST_F(Content, OtherContentThatFailsIsHaltedAfterThreeHosts) {
  assign("2", "{}", kNew);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(told(i, kOld), kNew) << i;
    EXPECT_EQ(told(i, kOld, update("2", "rolled-back", "died")), kNew);
  }
  EXPECT_EQ(rollout("2").at("halted"), true);
  for (int i = 3; i < kHosts; ++i) EXPECT_NE(told(i, kOld), kNew);
}

TEST_F(Content, AHaltByHandStopsOtherContent) {
  assign("2", "{}", kNew);
  meta.add_control();
  EXPECT_EQ(meta.run_control({"halt", "a", "2"}).exit_code, 0);
  for (int i = 0; i < kHosts; ++i) EXPECT_NE(told(i, kOld), kNew);
}

TEST_F(Content, TheWayBackToTheOldContentIsNotHeldUp) {
  assign("2", "{}", kNew);
  for (int i = 0; i < kHosts; ++i) told(i, kNew);
  assign("2", "{}", kOld);
  for (int i = 0; i < kHosts; ++i) EXPECT_EQ(told(i, kNew), kOld);
}

TEST_F(Content, IsKeptOverARestart) {
  assign("2", "{}", kNew);
  told(0, kOld);
  told(0, kNew);
  EXPECT_EQ(meta.process().stop(), 0);
  ASSERT_TRUE(meta.Box::start()) << meta.log();
  EXPECT_EQ(rollout("2").at("running"), 1);
  EXPECT_EQ(rollout("2").at("waiting"), kHosts - 1);
}

// An updater before 1.1 and the Go updater.
TEST_F(Content, AHostThatReportsNoMd5IsToldAsBefore) {
  assign("2", "{}", kNew);
  EXPECT_EQ(report("old", "2"), "2");
  EXPECT_EQ(rollout("2").at("running"), 1);
}

TEST_F(Content, ThePlanNamesChangesOfContentAndUrls) {
  const auto plan = [&](const std::string& md5, const std::string& tarball, const std::string& cmd) {
    const nlohmann::json config = {
        {"tarballDir", "./tarball"},
        {"http", {{"enabled", true}, {"listen", "127.0.0.1:0"}}},
        {"agents", {{{"default", {{"name", "a"}, {"version", "2"}, {"tarball", tarball}, {"md5", md5}, {"cmd", cmd}}}}}}};
    return http(meta.port(), "POST", "/plan", config.dump()).body;
  };
  const std::string here = meta.url("/a");
  EXPECT_TRUE(contains(plan(kNew, here, "start"), "the same version with other content  40 hosts, like h100"));
  EXPECT_TRUE(contains(plan(kNew, here, "start"), "no change  0 hosts")) << plan(kNew, here, "start");
  EXPECT_TRUE(contains(plan(kOld, "http://other/a", "start"), "tarball " + here + " -> http://other/a  40 hosts"));
  EXPECT_TRUE(contains(plan(kOld, here, "stop"), "warning: would be stopped at once on all 40 hosts that run it"))
      << plan(kOld, here, "stop");
  EXPECT_TRUE(contains(plan(kOld, here, "start"), "no change  40 hosts"));
}

// Real hosts: broken content under the same version reaches three hosts, and all of them go back.
TEST(ContentOfRealHosts, IsHaltedAndRolledBack) {
  constexpr int kReal = 5;
  const std::string good = demo_agent_tarball();
  const std::string bad =
      make_agent_tarball("#!/bin/sh\ncase $1 in start) echo 'no such library' >&2; exit 1;; status) echo stoped;; esac\n");
  MetaBox meta;
  meta.publish("demo-agent", "1.0.0", good);
  ASSERT_TRUE(meta.start({{"demo-agent", "1.0.0", "start", md5_hex(good)}})) << meta.log();
  std::vector<std::unique_ptr<UpdaterBox>> hosts;
  for (int i = 0; i < kReal; ++i) {
    hosts.push_back(std::make_unique<UpdaterBox>(meta.address(), UpdaterSettings{.hostname = host(i)}));
    ASSERT_TRUE(hosts.back()->start()) << hosts.back()->log();
  }
  const auto rollout = [&] {
    return nlohmann::json::parse(meta.get("/status/summary").body).at("rollouts").at("demo-agent").at("1.0.0");
  };
  ASSERT_TRUE(eventually([&] { return rollout().at("running") == kReal; })) << rollout().dump() << meta.log();
  meta.publish("demo-agent", "1.0.0", bad);
  ASSERT_TRUE(meta.assign({{"demo-agent", "1.0.0", "start", md5_hex(bad)}}));
  EXPECT_TRUE(eventually([&] { return rollout().at("halted") == true; })) << rollout().dump() << meta.log();
  EXPECT_EQ(rollout().at("failed"), 3);
  EXPECT_TRUE(meta.receives_heartbeats(3 * kReal));
  for (const auto& host : hosts) {
    EXPECT_TRUE(eventually([&] { return host->running("demo-agent") == std::vector<std::string>{"1.0.0"}; })) << host->log();
  }
}

}  // namespace
}  // namespace ops::tests
