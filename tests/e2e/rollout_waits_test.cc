// The line that says why a rollout does not move.

#include "tests/e2e/reports_fixture.h"
#include "tests/support/text.h"
#include "tests/support/wait.h"

namespace ops::tests {
namespace {

struct Waits : Reports {
  Waits() {
    start("1");
    for (int i = 0; i < 10; ++i) report(host(i), "1");
    assign("2");
  }
  std::string line() const { return rollout("2").at("waits"); }
  std::string state() const { return rollout("2").at("state"); }
  bool has_metric(const std::string& state) const {
    return contains(meta.get("/metrics").body, R"(ops_meta_rollout_state{agent="a",version="2",state=")" + state + "\"} 1");
  }
};

TEST_F(Waits, NamesTheHostsThatHoldTheSlots) {
  EXPECT_EQ(state(), "moving");
  EXPECT_TRUE(has_metric("moving"));
  EXPECT_EQ(report(host(0), "1"), "2");
  report(host(0), "1", update("2", "downloading"));
  EXPECT_EQ(state(), "slots");
  EXPECT_TRUE(has_metric("slots"));
  EXPECT_TRUE(contains(line(), "slots held by h100 (")) << line();
  EXPECT_TRUE(contains(line(), " s, downloading)")) << line();
  EXPECT_TRUE(contains(meta.get("/status/summary?format=text").body, "    waits: slots held by h100 ("));
}

TEST_F(Waits, SaysThatFailuresSlowItDown) {
  for (int i = 0; i < 6; ++i) {  // hosts that were installed with 2
    report("n" + std::to_string(i), "2");
  }
  EXPECT_EQ(report(host(0), "1"), "2");
  report(host(0), "1", update("2", "rolled-back", "died"));
  for (int i = 1; i < 5; ++i) EXPECT_EQ(report(host(i), "1"), "2");
  EXPECT_EQ(state(), "cautious");
  EXPECT_TRUE(has_metric("cautious"));
  EXPECT_TRUE(contains(line(), "4 at a time because 1 host failed; slots held by h101 (")) << line();
  EXPECT_TRUE(contains(line(), " …")) << "a fourth host: " << line();
}

TEST_F(Waits, SaysThatItIsHaltedAndSinceWhen) {
  for (int i = 0; i < 3; ++i) {
    report(host(i), "1");
    report(host(i), "1", update("2", "rolled-back", "died"));
  }
  report(host(3), "1");
  EXPECT_EQ(state(), "halted");
  EXPECT_TRUE(has_metric("halted"));
  EXPECT_TRUE(contains(line(), "halted since ")) << line();
  EXPECT_TRUE(contains(line(), ": 3 of 3 hosts failed")) << line();
}

TEST_F(Waits, AHaltNamesItsTimeItsHostsAndTheWaysOut) {
  for (int i = 0; i < 3; ++i) {
    report(host(i), "1");
    report(host(i), "1", update("2", "rolled-back", "died"));
  }
  report(host(3), "1");  // it waits
  report(host(0), "1");  // it failed, and says so no more
  EXPECT_TRUE(rollout("2").at("haltedSince").is_number()) << rollout("2").dump();
  const std::string failed = meta.get(rollout("2").at("failedHosts")).body;
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(contains(failed, host(i) + " 1 started")) << failed;
  EXPECT_FALSE(contains(failed, host(3))) << failed;
  const std::string text = meta.get("/status/summary?format=text").body;
  EXPECT_TRUE(contains(text, "    halted: 3 of 3 hosts failed; the limits are 3 hosts and 5 %, since ")) << text;
  EXPECT_TRUE(contains(text, "/status/text/a?failed=2\n")) << text;
  EXPECT_TRUE(contains(text, "    to continue in spite of failures: ./control resume a 2\n")) << text;
  EXPECT_TRUE(contains(text, "    to give it up: name another version in cfg.json, then ./control reload\n")) << text;
  EXPECT_TRUE(contains(meta.get("/metrics").body, R"(ops_meta_rollout_halted_by_hand{agent="a",version="2"} 0)"));
}

TEST_F(Waits, AHaltByHandDoesNotFireTheAlertOfABadRelease) {
  meta.add_control();
  ASSERT_EQ(meta.run_control({"halt", "a", "2"}).exit_code, 0);
  const std::string metrics = meta.get("/metrics").body;
  EXPECT_TRUE(contains(metrics, R"(ops_meta_rollout_halted{agent="a",version="2"} 1)"));
  EXPECT_TRUE(contains(metrics, R"(ops_meta_rollout_halted_by_hand{agent="a",version="2"} 1)"));
}

TEST_F(Waits, SaysThatItIsHaltedByHandAlsoAfterARestart) {
  meta.add_control();
  ASSERT_EQ(meta.run_control({"halt", "a", "2"}).exit_code, 0);
  EXPECT_EQ(state(), "halted-by-hand");
  EXPECT_TRUE(has_metric("halted-by-hand"));
  const std::string before = line();
  EXPECT_TRUE(contains(before, "halted by hand since ")) << before;
  EXPECT_EQ(meta.process().stop(), 0);
  ASSERT_TRUE(meta.Box::start()) << meta.log();
  EXPECT_EQ(line(), before);
}

TEST_F(Waits, SaysThatNoHostIsLeft) {
  for (int i = 0; i < 9; ++i) report(host(i), "2");
  report(host(9), "1", update("1", "held", "debugging, Ann"));
  EXPECT_EQ(state(), "no-host");
  EXPECT_EQ(line(), "no host left to ask: 1 held");
}

TEST_F(Waits, SaysThatItWarmsUp) {
  report(host(0), "2");
  EXPECT_EQ(meta.process().stop(), 0);
  ASSERT_TRUE(meta.Box::start()) << meta.log();
  meta.process().kill();
  ASSERT_TRUE(meta.Box::start()) << meta.log();
  for (int i = 1; i < 10; ++i) report(host(i), "1");
  EXPECT_EQ(state(), "warming-up");
  EXPECT_TRUE(contains(line(), "warming up for another ")) << line();
}

}  // namespace
}  // namespace ops::tests
