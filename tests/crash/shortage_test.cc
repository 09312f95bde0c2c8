// A host that lacks file descriptors for a short time.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <thread>

#include "common/base/file.h"
#include "tests/support/temp_dir.h"
#include "tests/support/wait.h"
#include "updater/agent/observe.h"
#include "updater/process/control_script.h"

namespace ops::updater {
namespace {

using std::chrono::seconds;

/// Prevents new file descriptors in this process until the destructor runs.
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

TEST(Observe, ReturnsAnErrorWhenTheHostCannotReadAFile) {
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

TEST(ControlWithoutDescriptors, WaitsForThemAndDoesNotReportTheAgentAsStopped) {
  const tests::TempDir folder;
  tests::write_file(folder / "control", "#!/bin/sh\necho started\n", 0755);
  // Opened before the shortage. The file holds the number of the system call that this thread is in.
  const Fd call(::open(("/proc/self/task/" + std::to_string(::gettid()) + "/syscall").c_str(), O_RDONLY | O_CLOEXEC));
  ASSERT_TRUE(call);
  auto shortage = std::make_unique<NoDescriptors>();
  bool has_waited = false;
  std::thread relief([&] {
    const std::string sleeps = std::to_string(SYS_clock_nanosleep) + " ";
    has_waited = tests::eventually([&] {
      std::array<char, 32> text{};
      const ssize_t size = ::pread(call.get(), text.data(), text.size(), 0);
      return size > 0 && std::string_view(text.data(), static_cast<size_t>(size)).starts_with(sleeps);
    });
    shortage.reset();
  });
  const auto printed = run_control(folder.path(), "status", seconds(60), {});
  relief.join();
  EXPECT_TRUE(has_waited);
  ASSERT_TRUE(printed) << printed.error().message;
  EXPECT_EQ(*printed, "started");
}

}  // namespace
}  // namespace ops::updater
