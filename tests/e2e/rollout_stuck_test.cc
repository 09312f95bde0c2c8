// Hosts that cannot take a release: their attempts fail before anything is switched.

#include <memory>
#include <vector>

#include "tests/e2e/reports_fixture.h"
#include "tests/support/tarball.h"
#include "tests/support/wait.h"

namespace ops::tests {
namespace {

struct Stuck : Reports {
  Stuck() {
    start("1");
    for (int i = 0; i < 20; ++i) report(host(i), "1");
    assign("2");
  }
  std::string try_on(int number, const std::string& error) const {
    return report(host(number), "1", update("2", "waiting", error));
  }
};

TEST_F(Stuck, AHostFreesItsSlotAndKeepsItsPermission) {
  EXPECT_EQ(report(host(0), "1"), "2");
  EXPECT_EQ(report(host(1), "1"), "1");
  EXPECT_EQ(try_on(0, "no space left on the disk"), "2");
  EXPECT_EQ(report(host(1), "1"), "2") << "the slot is free";
  EXPECT_EQ(rollout("2").at("stuck"), 1);
  EXPECT_EQ(rollout("2").at("inflight"), 1);
  EXPECT_EQ(report(host(2), "1"), "1");
  report(host(1), "2");
  EXPECT_EQ(report(host(0), "1", update("2", "switching")), "2");
  report(host(0), "2");
  EXPECT_EQ(rollout("2").at("running"), 2);
  EXPECT_EQ(rollout("2").at("stuck"), 0);
  EXPECT_EQ(rollout("2").at("failed"), 0);
}

TEST_F(Stuck, ThreeHostsWithTheSameErrorHaltAReleaseThatNoHostRuns) {
  const std::string error = "http://m/a-2.tar.gz: HTTP status 404";
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(report(host(i), "1"), "2");
    EXPECT_FALSE(rollout("2").at("halted"));
    EXPECT_EQ(try_on(i, error), "2");
  }
  EXPECT_EQ(report(host(3), "1"), "1");
  EXPECT_EQ(rollout("2").at("halted"), true);
  EXPECT_EQ(rollout("2").at("why"), "no host runs it, and 3 hosts cannot take it: " + error);
  EXPECT_NE(meta.log().find("a 2 is halted: no host runs it, and 3 hosts cannot take it: " + error), std::string::npos);
  EXPECT_EQ(try_on(0, ""), "2") << "it keeps its permission";
  report(host(0), "2");
  EXPECT_EQ(rollout("2").at("halted"), false);
  EXPECT_EQ(report(host(3), "1"), "2");
}

TEST_F(Stuck, ErrorsThatDifferInNumbersOnlyAreTheSame) {
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(report(host(i), "1"), "2");
    EXPECT_EQ(try_on(i, "the disk has " + std::to_string(17 * i) + " KB left"), "2");
  }
  EXPECT_EQ(rollout("2").at("halted"), true);
}

TEST_F(Stuck, AReleaseThatRunsSomewhereIsNotHaltedByThem) {
  EXPECT_EQ(report(host(0), "1"), "2");
  report(host(0), "2");
  for (int i = 1; i < 5; ++i) {
    EXPECT_EQ(report(host(i), "1"), "2") << i;
    EXPECT_EQ(try_on(i, "no route to host"), "2");
  }
  EXPECT_EQ(rollout("2").at("halted"), false);
  EXPECT_EQ(rollout("2").at("stuck"), 4);
  EXPECT_EQ(report(host(5), "1"), "2");
  EXPECT_EQ(try_on(5, "no route to host"), "2");
  EXPECT_EQ(report(host(6), "1"), "1") << "when the route is back, all of them change together: not more than four";
}

// Real hosts, and a release that is not on the server.
TEST(StuckHosts, OfAWrongUrlHaltTheReleaseAtOnce) {
  MetaBox meta;
  meta.publish("demo-agent", "1.0.0", demo_agent_tarball());
  ASSERT_TRUE(meta.start({{"demo-agent", "1.0.0"}})) << meta.log();
  std::vector<std::unique_ptr<UpdaterBox>> hosts;
  for (int i = 0; i < 4; ++i) {
    hosts.push_back(std::make_unique<UpdaterBox>(meta.address(), UpdaterSettings{.hostname = host(i)}));
    ASSERT_TRUE(hosts.back()->start()) << hosts.back()->log();
  }
  const auto rollout = [&](const std::string& version) {
    return nlohmann::json::parse(meta.get("/status/summary").body).at("rollouts").at("demo-agent").at(version);
  };
  ASSERT_TRUE(eventually([&] { return rollout("1.0.0").at("running") == 4; })) << rollout("1.0.0").dump();
  ASSERT_TRUE(meta.assign({{"demo-agent", "2.0.0", "start", "", meta.url("/wrong")}}));
  EXPECT_TRUE(eventually([&] { return rollout("2.0.0").at("halted") == true; })) << rollout("2.0.0").dump();
  EXPECT_NE(rollout("2.0.0").at("why").get<std::string>().find("404"), std::string::npos) << rollout("2.0.0").dump();
  EXPECT_EQ(rollout("2.0.0").at("failed"), 0);
  meta.publish("demo-agent", "2.0.0", demo_agent_tarball());
  ASSERT_TRUE(meta.assign({{"demo-agent", "2.0.0"}}));
  EXPECT_TRUE(eventually([&] { return rollout("2.0.0").at("running") == 4; })) << rollout("2.0.0").dump() << meta.log();
}

}  // namespace
}  // namespace ops::tests
