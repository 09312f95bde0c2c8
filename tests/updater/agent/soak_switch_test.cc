// A soak on the disk: it keeps the version before, counts deaths, and rolls back.

#include <gtest/gtest.h>

#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/file.h"
#include "tests/updater/agent/switch_fixture.h"

namespace ops::updater {
namespace {

struct SoakOnDisk : testing::Test {
  SoakOnDisk() {
    host.add_running(control("1"));
    settings.keep_versions = 1;
    settings.probation = settings.unclear_patience = std::chrono::seconds(0);
    settings.start_timeout = settings.stop_timeout = std::chrono::seconds(1);
  }

  /// Carries out the next decision as if `later` seconds had passed.
  Action next(const DesiredAgent& desired, int64_t later = 0) {
    const Observed seen = host.look();
    BootTime now = boot_time();
    now.seconds += later;
    now.wall += later;
    Circumstances around;
    around.keep_versions = settings.keep_versions;
    around.meta_answered = true;
    const Decision decision = plan(seen, &desired, around, now);
    outcome = carry_out(decision, seen, &desired, host.layout(), settings, {});
    return decision.action;
  }

  /// Lets the release pass its probation.
  void install(const DesiredAgent& desired) {
    ASSERT_EQ(next(desired), Action::switch_over);
    ASSERT_TRUE(outcome) << outcome.error().message;
    ASSERT_EQ(next(desired, 2), Action::pass_probation);
    ASSERT_TRUE(outcome) << outcome.error().message;
  }

  void die(const std::string& version) const { (void)::unlink((host.layout().agent("a") + "/up-" + version).c_str()); }
  bool has(const std::string& name) const { return tests::exists(host.layout().agent("a") + "/" + name); }

  tests::TempDir root;
  Host host{root.path()};
  SwitchSettings settings;
  Result<void> outcome;
};

TEST_F(SoakOnDisk, KeepsTheVersionBeforeUntilItsEnd) {
  host.add("2", kChecksum2, control("2"));
  install(kVersion2);
  EXPECT_EQ(next(kVersion2), Action::none);
  EXPECT_TRUE(has("1")) << "keepVersions is 1";
  EXPECT_TRUE(has(".reserve"));
  EXPECT_EQ(next(kVersion2, 601), Action::end_soak);
  EXPECT_TRUE(outcome);
  EXPECT_EQ(host.look().state.soak, std::nullopt);
  EXPECT_FALSE(has(".reserve"));
  EXPECT_EQ(next(kVersion2), Action::tidy);
  EXPECT_FALSE(has("1"));
}

TEST_F(SoakOnDisk, RollsBackAtTheThirdDeath) {
  host.add("2", kChecksum2, control("2"));
  install(kVersion2);
  for (int64_t deaths = 1; deaths <= 2; ++deaths) {
    die("2");
    ASSERT_EQ(next(kVersion2), Action::start);
    EXPECT_TRUE(outcome);
    EXPECT_EQ(host.look().state.soak->deaths, deaths);
  }
  die("2");
  ASSERT_EQ(next(kVersion2), Action::roll_back);
  expect_version_1_runs(host);
  const State state = host.look().state;
  EXPECT_EQ(state.soak, std::nullopt);
  EXPECT_EQ(state.probation, std::nullopt);
  ASSERT_TRUE(state.latch);
  EXPECT_EQ(state.latch->version, "2");
  EXPECT_EQ(state.latch->error,
            "was \"stoped\" for the third time in its soak of 600 s; its files are in " + host.layout().failed("a", "2"));
  EXPECT_FALSE(has(".reserve"));
  EXPECT_EQ(next(kVersion2), Action::tidy);
  EXPECT_TRUE(has(".failed-2"));
  EXPECT_FALSE(has("2"));
  expect_version_1_runs(host);
}

TEST_F(SoakOnDisk, RollsBackToTheContentBefore) {
  host.add(".staged-1", kChecksum2, control("1"));
  install(kNewContent);
  EXPECT_EQ(host.look().checksum, kChecksum2);
  EXPECT_EQ(next(kNewContent), Action::none) << "the content before stays";
  for (int i = 0; i < 2; ++i) {
    die("1");
    ASSERT_EQ(next(kNewContent), Action::start);
  }
  die("1");
  ASSERT_EQ(next(kNewContent), Action::roll_back);
  expect_version_1_runs(host);
}

TEST_F(SoakOnDisk, EndsWithAStopOrderAndWithAHold) {
  host.add("2", kChecksum2, control("2"));
  install(kVersion2);
  DesiredAgent stop = kVersion2;
  stop.cmd = "stop";
  EXPECT_EQ(next(stop), Action::stop);
  EXPECT_EQ(host.look().state.soak, std::nullopt);
  DesiredAgent back = kVersion2;
  back.version = "1";
  install(back);
  ASSERT_TRUE(host.look().state.soak);
  tests::write_file(host.layout().hold_file("a"), "");
  EXPECT_EQ(next(back), Action::end_soak);
  EXPECT_EQ(host.look().state.soak, std::nullopt);
}

TEST_F(SoakOnDisk, EndsWithTheNextSwitch) {
  host.add("2", kChecksum2, control("2"));
  host.add("3", kChecksum1, control("3"));
  install(kVersion2);
  DesiredAgent third = kVersion2;
  third.version = "3";
  ASSERT_EQ(next(third), Action::switch_over);
  EXPECT_EQ(host.look().state.soak, std::nullopt);
  ASSERT_EQ(next(third, 2), Action::pass_probation);
  EXPECT_EQ(host.look().state.soak->previous, "2");
}

TEST_F(SoakOnDisk, IsForgottenWithoutTheVersionBefore) {
  host.add("2", kChecksum2, control("2"));
  install(kVersion2);
  ASSERT_TRUE(remove_tree(host.layout().version("a", "1")));
  EXPECT_EQ(host.look().state.soak, std::nullopt);
  for (int i = 0; i < 4; ++i) {
    die("2");
    EXPECT_EQ(next(kVersion2), Action::start);
  }
}

TEST_F(SoakOnDisk, FollowsNoFirstInstallAndNoSoakOfZero) {
  host.add("2", kChecksum2, control("2"));
  settings.soak = std::chrono::seconds(0);
  install(kVersion2);
  EXPECT_EQ(host.look().state.soak, std::nullopt);
  settings.soak = std::chrono::seconds(600);
  ASSERT_TRUE(remove_tree(host.layout().agent("a")));
  host.add("2", kChecksum2, control("2"));
  install(kVersion2);
  EXPECT_EQ(host.look().state.soak, std::nullopt);
}

}  // namespace
}  // namespace ops::updater
