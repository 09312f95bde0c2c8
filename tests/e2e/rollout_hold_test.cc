// Hosts on which an operator holds the agent are a state of their own in a rollout.

#include "tests/e2e/reports_fixture.h"
#include "tests/support/wait.h"

namespace ops::tests {
namespace {

struct Hold : Reports {
  Hold() {
    start("1");
    for (int i = 0; i < 10; ++i) report(host(i), "1");
    assign("2");
  }
  std::string hold(int number, const std::string& has, const std::string& of) const {
    return report(host(number), has, update(of, "held", "debugging, Ann"));
  }
  /// Waits for these counts: a summary may use the scan of the summary just before it.
  void expect(const nlohmann::json& counts) const {
    nlohmann::json found;
    const auto is_expected = [&] {
      found = rollout("2");
      nlohmann::json wanted = found;
      wanted.update(counts);
      return wanted == found;
    };
    EXPECT_TRUE(eventually(is_expected)) << counts.dump() << " expected in " << found.dump();
  }
};

TEST_F(Hold, AfterALeaseFreesTheSlotAndCountsAsNoFailure) {
  EXPECT_EQ(report(host(0), "1"), "2");
  EXPECT_EQ(hold(0, "1", "2"), "1");
  expect({{"onHold", 1}, {"inflight", 0}, {"failed", 0}, {"waiting", 9}, {"errors", nlohmann::json::array()}});
  EXPECT_EQ(report(host(1), "1"), "2");
}

TEST_F(Hold, AfterAFailureIsNoFailureUntilTheHoldEnds) {
  EXPECT_EQ(report(host(0), "1"), "2");
  EXPECT_EQ(report(host(0), "1", update("2", "rolled-back", "died")), "2");
  expect({{"onHold", 0}, {"failed", 1}});
  EXPECT_EQ(report(host(1), "1"), "2");
  EXPECT_EQ(report(host(2), "1"), "1");
  hold(0, "1", "2");
  expect({{"onHold", 1}, {"failed", 0}, {"errors", nlohmann::json::array()}});
  EXPECT_EQ(report(host(0), "1"), "1") << "it had its turn, and h102 waits";
  expect({{"onHold", 0}, {"failed", 1}});
}

TEST_F(Hold, InAProbationIsNoProof) {
  EXPECT_EQ(report(host(0), "1"), "2");
  EXPECT_EQ(report(host(0), "2", update("2", "probation")), "2");
  expect({{"running", 0}, {"inflight", 1}});
  EXPECT_EQ(hold(0, "2", "2"), "2");
  expect({{"onHold", 1}, {"running", 0}, {"peak", 0}, {"inflight", 0}, {"failed", 0}, {"errors", nlohmann::json::array()}});
  EXPECT_EQ(report(host(0), "2"), "2");
  expect({{"onHold", 0}, {"running", 1}, {"peak", 1}});
}

TEST_F(Hold, OfAnAgentThatIsNotInstalledTakesNoneOfTheRunningHosts) {
  EXPECT_EQ(report(host(0), "1"), "2");
  report(host(0), "2");
  EXPECT_EQ(hold(1, "", "2"), "2");
  expect({{"onHold", 1}, {"running", 1}});
}

TEST_F(Hold, IsInTheTextAndTheMetrics) {
  hold(0, "1", "1");
  EXPECT_NE(meta.get("/status/summary?format=text").body.find("1 held"), std::string::npos);
  EXPECT_NE(meta.get("/metrics").body.find(R"(ops_meta_agent_updates{agent="a",version="1",phase="held"} 1)"),
            std::string::npos)
      << "by installed version";
}

}  // namespace
}  // namespace ops::tests
