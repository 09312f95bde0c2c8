// Daemons whose wall clock steps, or begins in 1970. No span may depend on it.

#include <gtest/gtest.h>
#include <signal.h>

#include <ctime>

#include "tests/e2e/reports_fixture.h"
#include "tests/support/certificates.h"
#include "tests/support/tarball.h"
#include "tests/support/text.h"
#include "tests/support/wait.h"
#include "tests/support/wall_clock.h"

namespace ops::tests {
namespace {

constexpr int64_t kHour = 3600;

/// A host whose updater has a wall clock of its own, and that runs demo-agent 1.0.0 or is about to install it.
struct UpdaterClock : testing::Test {
  UpdaterClock() {
    meta.publish("demo-agent", "1.0.0", demo_agent_tarball("one"));
    meta.publish("demo-agent", "2.0.0", demo_agent_tarball("two"));
    EXPECT_TRUE(meta.start({{"demo-agent", "1.0.0"}})) << meta.log();
  }

  bool runs(const UpdaterBox& host, const std::string& version) const {
    return eventually([&] { return host.running("demo-agent") == std::vector<std::string>{version}; });
  }
  /// The updater's phase of the agent, like `"phase": "probation"`, is in the debug port's list.
  static bool has_phase(const UpdaterBox& host, const std::string& phase) {
    return contains(get(host.port(), "/agents").body, "\"phase\": \"" + phase + "\"");
  }
  void upgrade_until_probation(UpdaterBox& host) {
    ASSERT_TRUE(host.start_under(clock.wrapper())) << host.log();
    ASSERT_TRUE(runs(host, "1.0.0")) << host.log();
    ASSERT_TRUE(eventually([&] { return !has_phase(host, "probation"); }));
    ASSERT_TRUE(meta.assign({{"demo-agent", "2.0.0"}}));
    ASSERT_TRUE(eventually([&] { return has_phase(host, "probation"); })) << host.log();
  }

  WallClock clock;
  MetaBox meta;
};

TEST_F(UpdaterClock, ThatStepsAnHourAheadDoesNotEndAProbation) {
  UpdaterBox host(meta.address(), {.probation = 100});
  ASSERT_TRUE(host.start_under(clock.wrapper())) << host.log();
  ASSERT_TRUE(eventually([&] { return has_phase(host, "probation"); })) << host.log();
  clock.step_to(kHour);
  ASSERT_TRUE(meta.receives_heartbeats(4));
  EXPECT_TRUE(has_phase(host, "probation")) << host.log();
  host.control("demo-agent", "1.0.0", "stop");
  EXPECT_TRUE(eventually([&] { return has_phase(host, "failed"); })) << "the probation has not ended: " << host.log();
}

TEST_F(UpdaterClock, ThatStepsBackDoesNotProlongAProbation) {
  UpdaterBox host(meta.address(), {.probation = 5});
  ASSERT_NO_FATAL_FAILURE(upgrade_until_probation(host));
  clock.step_to(-50 * 60);
  EXPECT_TRUE(eventually([&] { return !has_phase(host, "probation"); })) << host.log();
  EXPECT_TRUE(runs(host, "2.0.0")) << host.log();
}

TEST_F(UpdaterClock, InThe1970sInstallsAndUpgrades) {
  UpdaterBox host(meta.address());
  clock.step_to(60 - std::time(nullptr));
  ASSERT_NO_FATAL_FAILURE(upgrade_until_probation(host));
  EXPECT_TRUE(contains(host.log(), "1970-01-01 00:0")) << host.log();
  clock.step_to(0);
  EXPECT_TRUE(eventually([&] { return !has_phase(host, "probation"); })) << host.log();
  EXPECT_TRUE(runs(host, "2.0.0")) << host.log();
  EXPECT_TRUE(meta.receives_heartbeats(2)) << "the clock is right again";
}

TEST(ClockAndCertificate, AHostIn1970NamesItsClockAndRecoversWhenItIsSet) {
  const Authority ca;
  MetaBox meta;
  meta.set_tls(ca.issue("meta"));
  meta.publish("demo-agent", "1.0.0", demo_agent_tarball("one"));
  ASSERT_TRUE(meta.start({{"demo-agent", "1.0.0"}})) << meta.log();
  const WallClock clock;
  clock.step_to(60 - std::time(nullptr));
  UpdaterBox host("https://" + meta.address(), {.more = tls_config(ca.cert())});
  ASSERT_TRUE(host.start_under(clock.wrapper())) << host.log();
  for (const char* words : {" is not valid before 20", "; the clock of this host is at 1970-01-01 00:0", "set it (NTP)"})
    EXPECT_TRUE(eventually([&] { return contains(host.log(), words); })) << words << "\n" << host.log();
  clock.step_to(0);
  EXPECT_TRUE(eventually([&] { return host.running("demo-agent") == std::vector<std::string>{"1.0.0"}; })) << host.log();
}

/// An ops-meta with a wall clock of its own.
struct MetaClock : Reports {
  void start(const std::string& version) {
    ASSERT_TRUE(meta.start({agent(version, "{}")})) << meta.log();
    stop_and_start_in(0, SIGTERM);
  }
  /// Ends ops-meta with the signal, and starts it with its clock ahead by `seconds`.
  void stop_and_start_in(int64_t seconds, int signal) {
    if (signal == SIGKILL) {
      send_signal(meta.daemon_pid(), SIGKILL);
      meta.process().wait();
    } else {
      meta.process().stop();
    }
    clock.step_to(seconds);
    ASSERT_TRUE(meta.start_under(clock.wrapper())) << meta.log();
  }
  std::string summary() const { return meta.get("/status/summary?format=text").body; }

  WallClock clock;
};

TEST_F(MetaClock, ThatStepsAnHourAheadMakesNoLeaseOverdueAndNoHostSilent) {
  start("1");
  for (int i = 0; i < 5; ++i) report(host(i), "1");
  assign("2");
  EXPECT_EQ(report(host(0), "1"), "2");
  clock.step_to(kHour);
  EXPECT_EQ(report(host(1), "1"), "1") << "the lease of the first host goes on";
  EXPECT_EQ(rollout("2").at("overdue"), 0);
  EXPECT_EQ(rollout("2").at("inflight"), 1);
  EXPECT_EQ(rollout("2").at("failed"), 0);
  EXPECT_EQ(rollout("2").at("absent"), 0) << summary();
  EXPECT_TRUE(contains(meta.get("/metrics").body, "\nops_meta_silent_hosts 0\n"));
  clock.step_to(-kHour);
  EXPECT_EQ(report(host(1), "1"), "1");
  EXPECT_EQ(rollout("2").at("inflight"), 1);
  EXPECT_EQ(rollout("2").at("overdue"), 0);
}

// 29,159 s were seen: the warm-up ended at a time of the wrong clock.
TEST_F(MetaClock, ThatIsPutRightAfterAStartEightHoursAheadProlongsNoWarmUp) {
  start("1");
  stop_and_start_in(8 * kHour, SIGTERM);
  for (int i = 0; i < 5; ++i) report(host(i), "1");
  stop_and_start_in(8 * kHour, SIGKILL);
  assign("2");
  const auto left = [&] {
    const std::string text = rollout("2").at("waits");
    const std::string mark = "warming up for another ";
    EXPECT_TRUE(contains(text, mark)) << text;
    return std::stoi(text.substr(text.find(mark) + mark.size()));
  };
  report(host(0), "1");
  EXPECT_GT(left(), 0);
  EXPECT_LE(left(), 360);
  clock.step_to(0);
  EXPECT_LE(left(), 360);
  stop_and_start_in(0, SIGKILL);
  report(host(0), "1");
  EXPECT_LE(left(), 360);
}

TEST_F(MetaClock, ThatIsPutRightBetweenStopAndStartCausesNoWarmUp) {
  start("1");
  stop_and_start_in(8 * kHour, SIGTERM);
  for (int i = 0; i < 5; ++i) report(host(i), "1");
  stop_and_start_in(0, SIGTERM);
  EXPECT_TRUE(contains(meta.status("a"), "h101 1 started")) << "the table was saved at a later time: " << meta.status("a");
  assign("2");
  EXPECT_EQ(report(host(0), "1"), "2");
}

}  // namespace
}  // namespace ops::tests
