// A host that is short of something for a moment.

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <chrono>
#include <memory>
#include <thread>

#include "tests/support/temp_dir.h"
#include "updater/control.h"
#include "updater/observe.h"

namespace ops::updater {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

/// No more descriptors from now on, until it goes.
class NoDescriptors {
 public:
  NoDescriptors() {
    EXPECT_EQ(::getrlimit(RLIMIT_NOFILE, &before_), 0);
    const rlimit none{0, before_.rlim_max};
    EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  }
  ~NoDescriptors() { ::setrlimit(RLIMIT_NOFILE, &before_); }
  NoDescriptors(const NoDescriptors&) = delete;
  NoDescriptors& operator=(const NoDescriptors&) = delete;

 private:
  rlimit before_{};
};

TEST(Observe, ConcludesNothingFromWhatTheHostFailsToRead) {
  const tests::TempDir root;
  const Layout layout(root.path());
  tests::write_file(layout.version_file("a"), "1.0.0\n");
  tests::write_file(layout.state_file("a"), R"({"previous": "0.9.0"})");
  {
    const NoDescriptors shortage;
    EXPECT_FALSE(read_agent(layout, "a"));
    EXPECT_FALSE(read_state(layout.state_file("a")));
  }
  EXPECT_EQ(read_agent(layout, "a").value().version, "1.0.0");
  EXPECT_EQ(read_state(layout.state_file("a")).value().previous, "0.9.0");
}

TEST(ControlWithoutDescriptors, WaitsForThemInsteadOfTakingTheAgentForDead) {
  const tests::TempDir folder;
  tests::write_file(folder / "control", "#!/bin/sh\necho started\n", 0755);
  auto shortage = std::make_unique<NoDescriptors>();
  std::thread relief([&] {
    std::this_thread::sleep_for(milliseconds(300));
    shortage.reset();
  });
  const auto printed = run_control(folder.path(), "status", seconds(20), {});
  relief.join();
  ASSERT_TRUE(printed) << printed.error().message;
  EXPECT_EQ(*printed, "started");
}

}  // namespace
}  // namespace ops::updater
