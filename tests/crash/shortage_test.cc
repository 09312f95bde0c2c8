// A host that is short of something for a moment.

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <chrono>
#include <thread>

#include "tests/support/temp_dir.h"
#include "updater/control.h"

namespace ops::updater {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(ControlWithoutDescriptors, WaitsForThemInsteadOfTakingTheAgentForDead) {
  const tests::TempDir folder;
  tests::write_file(folder / "control", "#!/bin/sh\necho started\n", 0755);
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  const rlimit none{0, before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  std::thread relief([&] {
    std::this_thread::sleep_for(milliseconds(300));
    ::setrlimit(RLIMIT_NOFILE, &before);
  });
  const auto printed = run_control(folder.path(), "status", seconds(20), {});
  relief.join();
  ASSERT_TRUE(printed) << printed.error().message;
  EXPECT_EQ(*printed, "started");
}

}  // namespace
}  // namespace ops::updater
