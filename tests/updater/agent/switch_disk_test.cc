// Switches on file systems that refuse a step. The old version runs at the end of each.

#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <thread>

#include "tests/support/file_systems.h"
#include "tests/updater/agent/switch_fixture.h"

namespace ops::updater {
namespace {

TEST(SwitchOnALoopDisk, DoesNotStopTheOldVersionWhenVersionFileIsImmutable) {
  const tests::LoopDisk disk(16);
  ASSERT_EQ(disk.problem(), "");
  const Host host(disk.path());
  host.add_running(control("1"));
  host.add("2", kChecksum2, control("2"));
  const tests::Immutable file(host.layout().version_file("a"));
  ASSERT_EQ(file.problem(), "");
  const auto done = host.carry_out_next(kVersion2);
  ASSERT_FALSE(done);
  EXPECT_NE(done.error().message.find(".version: Operation not permitted"), std::string::npos) << done.error().message;
  expect_version_1_runs(host);
  EXPECT_EQ(host.calls(), "");
}

TEST(SwitchOnALoopDisk, StartsTheOldVersionAgainAtOnceWhenTheCommitFailsAfterItsStop) {
  const tests::LoopDisk disk(16);
  ASSERT_EQ(disk.problem(), "");
  const Host host(disk.path());
  host.add_running(control("1", "chattr +i ../.version"));
  host.add("2", kChecksum2, control("2"));
  const auto done = host.carry_out_next(kVersion2);
  EXPECT_EQ(tests::make_mutable(host.layout().version_file("a")), "");
  ASSERT_FALSE(done);
  EXPECT_NE(done.error().message.find(".version: Operation not permitted"), std::string::npos) << done.error().message;
  expect_version_1_runs(host);
  EXPECT_EQ(host.calls(), "stop 1\nstart 1\n");
  EXPECT_EQ(host.look().state.latch, std::nullopt) << "the release is not at fault";
}

TEST(SwitchOnALoopDisk, StartsTheOldContentAgainAtOnceWhenTheExchangeFailsAfterItsStop) {
  const tests::LoopDisk disk(16);
  ASSERT_EQ(disk.problem(), "");
  const Host host(disk.path());
  host.add_running(control("1", "chattr +i ."));
  host.add(".staged-1", kChecksum2, control("1"));
  const auto done = host.carry_out_next(kNewContent);
  EXPECT_EQ(tests::make_mutable(host.layout().version("a", "1")), "");
  ASSERT_FALSE(done);
  expect_version_1_runs(host);
  EXPECT_EQ(host.calls(), "stop 1\nstart 1\n");
}

TEST(SwitchOnALoopDisk, StartsTheOldVersionAgainAtOnceWhenItsStopFailsHalfway) {
  const tests::LoopDisk disk(16);
  ASSERT_EQ(disk.problem(), "");
  const Host host(disk.path());
  host.add_running(control("1", "touch ../unclear"));
  tests::write_file(host.layout().version("a", "1") + "/control",
                    "#!/bin/sh\ncase $1 in\n  start) rm -f ../unclear ;;\n  stop) touch ../unclear; exit 1 ;;\n"
                    "  status) if [ -e ../unclear ]; then echo half gone; else echo started; fi ;;\nesac\n",
                    0755);
  host.add("2", kChecksum2, control("2"));
  const auto done = host.carry_out_next(kVersion2);
  ASSERT_FALSE(done);
  EXPECT_NE(done.error().message.find("1 did not stop"), std::string::npos) << done.error().message;
  expect_version_1_runs(host);
}

TEST(SwitchOnOverlayfs, RefusesNewContentOfAVersionOfTheImageBeforeTheStop) {
  tests::Overlay disk;
  const Host image(disk.lower());
  image.add_running(control("1"));
  disk.mount();
  ASSERT_EQ(disk.problem(), "");
  const Host host(disk.path());
  host.add(".staged-1", kChecksum2, control("1"));
  const auto done = host.carry_out_next(kNewContent);
  ASSERT_FALSE(done);
  EXPECT_NE(done.error().message.find("publish it under another version"), std::string::npos) << done.error().message;
  expect_version_1_runs(host);
  EXPECT_EQ(host.calls(), "");
  EXPECT_EQ(plan(host.look(), &kNewContent, {}, BootTime()).phase, Phase::rolled_back)
      << "reported at once, and not tried again";
}

TEST(SwitchOnOverlayfs, InstallsAnotherVersionThanThatOfTheImage) {
  tests::Overlay disk;
  const Host image(disk.lower());
  image.add_running(control("1"));
  disk.mount();
  ASSERT_EQ(disk.problem(), "");
  const Host host(disk.path());
  host.add(".staged-2", kChecksum2, control("2"));
  const auto done = host.carry_out_next(kVersion2);
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_EQ(host.look().version, "2");
  EXPECT_EQ(host.calls(), "stop 1\nstart 2\n");
}

/// Makes the kernel refuse RENAME_EXCHANGE in this thread, as it does on NFS and on most FUSE file systems.
bool refuse_exchanges() {
  constexpr size_t kFlags = offsetof(seccomp_data, args[4]);
  std::array<sock_filter, 6> code = {{
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_renameat2, 0, 3),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, kFlags),
      BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, RENAME_EXCHANGE, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EINVAL),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  }};
  const sock_fprog program{code.size(), code.data()};
  return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

TEST(SwitchWithoutRenameExchange, RefusesNewContentOfTheSameVersionBeforeTheStop) {
  const tests::TempDir root;
  const Host host(root.path());
  host.add_running(control("1"));
  host.add(".staged-1", kChecksum2, control("1"));
  std::thread([&] {
    ASSERT_TRUE(refuse_exchanges()) << "this test needs seccomp";
    const auto done = host.carry_out_next(kNewContent);
    ASSERT_FALSE(done);
    EXPECT_NE(done.error().message.find("publish it under another version"), std::string::npos) << done.error().message;
  }).join();
  expect_version_1_runs(host);
  EXPECT_EQ(host.calls(), "");
  ASSERT_TRUE(host.look().state.latch);
  EXPECT_EQ(host.look().state.latch->checksum, kChecksum2);
}

TEST(SwitchWithThreeVersions, DoesNotStopTheOldVersionWhileAThirdOneDoesNotStop) {
  const tests::TempDir root;
  const Host host(root.path());
  host.add_running(control("1"));
  host.add("0", kChecksum1, "#!/bin/sh\ncase $1 in\n  stop) exit 1 ;;\n  status) echo started ;;\nesac\n");
  host.add("2", kChecksum2, control("2"));
  const auto done = host.carry_out_next(kVersion2);
  ASSERT_FALSE(done);
  EXPECT_NE(done.error().message.find("0 did not stop"), std::string::npos) << done.error().message;
  expect_version_1_runs(host);
  EXPECT_EQ(host.calls(), "");
}

}  // namespace
}  // namespace ops::updater
