// Switches to a release whose start damages the agent's folder. Other switches are tested in tests/crash and tests/e2e.

#include "updater/agent/switch.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/temp_dir.h"
#include "updater/agent/observe.h"

namespace ops::updater {
namespace {

constexpr char kGood[] = R"(#!/bin/sh
case $1 in
    start) touch up ;;
    stop) rm -f up ;;
    status) if [ -e up ]; then echo started; else echo stoped; fi ;;
esac
)";

/// Version 1 runs. Version 2 is on the disk, and its start runs a harmful command and fails.
struct HarmfulStart : testing::TestWithParam<const char*> {
  void add(const std::string& version, const std::string& control) {
    tests::write_file(layout.version("a", version) + "/control", control, 0755);
    tests::write_file(layout.version("a", version) + "/.installed", "0cc175b9c0f1b6a831c399e26977266" + version + "\n");
  }
  Observed look() const { return observe_agent(layout, "a", {}).value(); }
  Result<void> carry_out_next(const Observed& seen) const {
    return carry_out(plan(seen, &desired, {}, BootTime()), seen, &desired, layout, {}, {});
  }

  tests::TempDir root;
  Layout layout{root.path()};
  DesiredAgent desired{"a", "2", "", "", "start"};
};

TEST_P(HarmfulStart, IsRolledBack) {
  add("1", kGood);
  add("2", "#!/bin/sh\nif [ $1 = start ]; then " + std::string(GetParam()) + "; exit 1; fi\necho stoped\n");
  tests::write_file(layout.version_file("a"), "1\n");
  tests::write_file(layout.version("a", "1") + "/up", "");
  const auto done = carry_out_next(look());
  ASSERT_FALSE(done);
  EXPECT_NE(done.error().message.find("2 failed and will not be tried again"), std::string::npos) << done.error().message;
  const Observed after = look();
  EXPECT_EQ(after.version, "1");
  EXPECT_EQ(after.status, Status::started);
  EXPECT_EQ(after.state.probation, std::nullopt);
  ASSERT_TRUE(after.state.latch);
  EXPECT_EQ(after.state.latch->version, "2");
  EXPECT_EQ(plan(after, &desired, {}, BootTime()).phase, Phase::rolled_back);
}

INSTANTIATE_TEST_SUITE_P(Of, HarmfulStart,
                         testing::Values("rm ../.version", "rm ../.version; mkdir -p ../.version/x",
                                         "rm ../.version; mkfifo ../.version", "ln -sf /etc/passwd ../.version",
                                         "echo 7 > ../.version", "rm ../.state", "rm ../.state; mkdir -p ../.state/x",
                                         "echo rubbish > ../.state", "mkdir -p ../.state.new/x"));

TEST_F(HarmfulStart, ThatRemovesPermissionsIsRolledBackByRootOnly) {
  add("1", kGood);
  add("2", "#!/bin/sh\nif [ $1 = start ]; then chmod 0 .. .; exit 1; fi\necho stoped\n");
  tests::write_file(layout.version_file("a"), "1\n");
  const auto done = carry_out_next(look());
  ASSERT_FALSE(done);
  if (::geteuid() == 0) {
    EXPECT_NE(done.error().message.find("2 failed and will not be tried again"), std::string::npos) << done.error().message;
    EXPECT_EQ(look().version, "1");
    EXPECT_EQ(look().status, Status::started);
    return;
  }
  EXPECT_NE(done.error().message.find(layout.agent("a")), std::string::npos) << done.error().message;
  EXPECT_NE(done.error().message.find("Permission denied"), std::string::npos) << done.error().message;
  ASSERT_EQ(::chmod(layout.agent("a").c_str(), 0755), 0);
  ASSERT_FALSE(carry_out_next(look()));  // the operator restored the permissions: the next step rolls back
  EXPECT_EQ(look().version, "1");
  EXPECT_EQ(look().status, Status::started);
}

TEST_F(HarmfulStart, ThatKillsTheUpdaterAndRemovesVersionFileIsRolledBack) {
  add("1", kGood);
  add("2", "#!/bin/sh\nif [ $1 = start ]; then exit 1; fi\necho stoped\n");
  State state;
  state.probation = Probation{"2", "1", "0cc175b9c0f1b6a831c399e269772662", 0};
  ASSERT_TRUE(write_state(layout.state_file("a"), state));  // and no .version
  ASSERT_FALSE(carry_out_next(look()));
  const Observed after = look();
  EXPECT_EQ(after.version, "1");
  EXPECT_EQ(after.status, Status::started);
}

}  // namespace
}  // namespace ops::updater
