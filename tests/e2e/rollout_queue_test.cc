// Which host is next in a rollout: a host that had its turn is last.

#include "tests/e2e/reports_fixture.h"

namespace ops::tests {
namespace {

constexpr int kHosts = 30;

/// All hosts run 1, and the config assigns 2 now.
struct Queue : Reports {
  Queue() {
    start("1");
    for (int i = 0; i < kHosts; ++i) report(host(i), "1");
    report("evil", "1");
    assign("2");
  }

  /// Each honest host sends a heartbeat, and changes when it is told to. The evil host acts before each of them.
  template <typename Act>
  int honest_hosts_after_a_round(const Act& act) {
    for (int i = 0; i < kHosts; ++i) {
      act();
      if (changed.contains(i)) {
        report(host(i), "2");
      } else if (report(host(i), "1") == "2") {
        report(host(i), "2");
        changed.insert(i);
      }
    }
    return static_cast<int>(changed.size());
  }
  std::set<int> changed;
};

TEST_F(Queue, IsNotBlockedByAHostThatFailsAndForgetsItInTurn) {
  const auto act = [&] {
    report("evil", "1", update("2", "rolled-back", "died"));
    report("evil", "1");
  };
  EXPECT_EQ(report("evil", "1"), "2") << "the first slot";
  for (int round = 0; round < 10; ++round) honest_hosts_after_a_round(act);
  EXPECT_EQ(changed.size(), size_t{kHosts});
  EXPECT_EQ(rollout("2").at("halted"), false) << "one host counts as one host";
}

TEST_F(Queue, IsNotBlockedByAHostThatReportsSuccessAndForgetsIt) {
  const auto act = [&] {
    report("evil", "2");
    report("evil", "1");
  };
  EXPECT_EQ(report("evil", "1"), "2");
  for (int round = 0; round < 10; ++round) honest_hosts_after_a_round(act);
  EXPECT_EQ(changed.size(), size_t{kHosts});
}

TEST_F(Queue, CountsTheFailureOfSuchAHostUntilOtherHostsHadTheirTurn) {
  EXPECT_EQ(report("evil", "1"), "2");
  report("evil", "1", update("2", "rolled-back", "died"));
  EXPECT_EQ(report(host(0), "1"), "2");
  EXPECT_EQ(report(host(1), "1"), "1") << "one slot, and it is taken";
  EXPECT_EQ(report("evil", "1"), "1") << "it had its turn";
  EXPECT_EQ(rollout("2").at("failed"), 1);
  report(host(0), "2");
  EXPECT_EQ(report("evil", "1"), "1") << "h101 waits and had no turn";
  EXPECT_EQ(report(host(1), "1"), "2");
  report(host(1), "2");
  EXPECT_EQ(report("evil", "1"), "2") << "no other host waits";
  EXPECT_EQ(rollout("2").at("failed"), 0);
}

// `./control retry` on a host that failed.
TEST_F(Queue, ARetryOnTheOnlyHostThatWantsTheReleaseIsGrantedAtOnce) {
  EXPECT_EQ(report("evil", "1"), "2");
  report("evil", "1", update("2", "failed", "died"));
  EXPECT_EQ(report("evil", "1"), "2");
}

TEST_F(Queue, AnAssignmentOfAnotherReleaseEndsTheTurns) {
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(report(host(i), "1"), "2");
    report(host(i), "1", update("2", "rolled-back", "died"));
  }
  EXPECT_EQ(report(host(4), "1"), "1");
  EXPECT_EQ(rollout("2").at("halted"), true);
  EXPECT_EQ(report(host(0), "1"), "1") << "a retry on one host does not lift the halt";
  EXPECT_EQ(rollout("2").at("halted"), true);
  assign("1");
  for (int i = 0; i < 3; ++i) report(host(i), "1");
  assign("2");
  EXPECT_EQ(report(host(0), "1"), "2");
}

TEST_F(Queue, IsKeptOverARestart) {
  EXPECT_EQ(report("evil", "1"), "2");
  report("evil", "1", update("2", "rolled-back", "died"));
  EXPECT_EQ(report(host(0), "1"), "2");
  EXPECT_EQ(report(host(1), "1"), "1");
  EXPECT_EQ(meta.process().stop(), 0);
  ASSERT_TRUE(meta.Box::start()) << meta.log();
  EXPECT_EQ(report(host(0), "1", update("2", "rolled-back", "died")), "2");
  EXPECT_EQ(report(host(1), "1"), "2");
  report(host(1), "2");
  EXPECT_EQ(report(host(2), "1"), "2");
  EXPECT_EQ(report(host(3), "1"), "1");
  report(host(2), "2");
  EXPECT_EQ(report("evil", "1"), "1") << "its turn was before the restart";
}

}  // namespace
}  // namespace ops::tests
