// Switches to a release that fills the disk. The old version, which is complete on the same disk, runs at the end.

#include <gtest/gtest.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "tests/support/file_systems.h"
#include "tests/support/small_disk.h"
#include "tests/updater/agent/switch_fixture.h"

namespace ops::updater {
namespace {

void fill(const std::string& folder) {
  for (const char* name : {"/fill1", "/fill2"}) tests::write_file(folder + name, std::string(2 << 20, 'x'));
}

/// Version 2 fills the disk at its start, and dies.
void add_filler(const Host& host) {
  host.add("2", kChecksum2, "#!/bin/sh\nif [ $1 = start ]; then cat /dev/zero >../../fill; exit 1; fi\necho stoped\n");
}

void expect_rolled_back_on_a_full_disk(const std::string& root) {
  const Host host(root);
  host.add_running(control("1"));
  add_filler(host);
  const auto done = host.carry_out_next(kVersion2);
  ASSERT_FALSE(done);
  expect_version_1_runs(host);
  ASSERT_TRUE(host.look().state.latch) << done.error().message;
  EXPECT_EQ(host.look().state.latch->version, "2");
  EXPECT_EQ(plan(host.look(), &kVersion2, {}, BootTime()).phase, Phase::rolled_back);
}

TEST(SwitchOnASmallDisk, IsRolledBackWhenTheReleaseFillsTheDiskAndDies) {
  const tests::SmallDisk disk(1);
  ASSERT_TRUE(disk.is_small()) << "this test needs root and tmpfs";
  expect_rolled_back_on_a_full_disk(disk / "host");
}

TEST(SwitchOnALoopDisk, IsRolledBackWhenTheReleaseFillsTheDiskAndDies) {
  const tests::LoopDisk disk(16);
  ASSERT_EQ(disk.problem(), "");
  expect_rolled_back_on_a_full_disk(disk / "host");
}

TEST(SwitchOnASmallDisk, IsRolledBackWhenTheReleaseFillsTheDiskDuringItsProbation) {
  const tests::SmallDisk disk(1);
  ASSERT_TRUE(disk.is_small()) << "this test needs root and tmpfs";
  const Host host(disk / "host");
  host.add_running(control("1"));
  host.add("2", kChecksum2, control("2"));
  ASSERT_TRUE(host.carry_out_next(kVersion2));
  fill(disk.path());
  ASSERT_EQ(::unlink((host.layout().agent("a") + "/up-2").c_str()), 0);
  const Observed seen = host.look();
  const Decision decision = plan(seen, &kVersion2, {}, boot_time());
  ASSERT_EQ(decision.action, Action::roll_back);
  EXPECT_FALSE(carry_out(decision, seen, &kVersion2, host.layout(), {}, {}));
  expect_version_1_runs(host);
  ASSERT_TRUE(host.look().state.latch);
  EXPECT_EQ(tests::list(host.layout().agent("a")), (std::vector<std::string>{".state", ".version", "1", "2", "calls", "up-1"}));
}

// As on a disk on which another program takes each free byte, the reserve included.
TEST(SwitchOnALoopDisk, StartsTheOldVersionAlsoWhenNothingCanBeRecorded) {
  const tests::LoopDisk disk(16);
  ASSERT_EQ(disk.problem(), "");
  const Host host(disk / "host");
  host.add_running(control("1"));
  host.add("2", kChecksum2, "#!/bin/sh\n[ $1 = status ] && exec echo stoped\nchattr +i ../.state ../.version\nexit 1\n");
  const auto done = host.carry_out_next(kVersion2);
  ASSERT_FALSE(done);
  EXPECT_NE(done.error().message.find("Operation not permitted"), std::string::npos) << done.error().message;
  EXPECT_TRUE(tests::exists(host.layout().agent("a") + "/up-1"));
  for (int i = 0; i < 3; ++i) {
    const Observed seen = host.look();
    EXPECT_FALSE(carry_out(plan(seen, &kVersion2, {}, BootTime()), seen, &kVersion2, host.layout(), {}, {}));
    EXPECT_TRUE(tests::exists(host.layout().agent("a") + "/up-1"));
  }
  EXPECT_EQ(host.calls(), "stop 1\nstart 1\n");
  ASSERT_EQ(tests::make_mutable(host.layout().state_file("a")), "");
  ASSERT_EQ(tests::make_mutable(host.layout().version_file("a")), "");
  for (int i = 0; i < 3; ++i) {
    tests::write_file(host.layout().version("a", "2") + "/control", "#!/bin/sh\n[ $1 = status ] && echo stoped || exit 1\n",
                      0755);
    const Observed seen = host.look();
    (void)carry_out(plan(seen, &kVersion2, {}, BootTime()), seen, &kVersion2, host.layout(), {}, {});
  }
  expect_version_1_runs(host);
  EXPECT_EQ(plan(host.look(), &kVersion2, {}, BootTime()).phase, Phase::rolled_back);
}

}  // namespace
}  // namespace ops::updater
