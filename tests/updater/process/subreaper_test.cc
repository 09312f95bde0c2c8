#include "updater/process/subreaper.h"

#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/process.h"
#include "tests/support/temp_dir.h"
#include "tests/support/wait.h"
#include "updater/process/control_script.h"

namespace ops::tests {
namespace {

/// Runs `body` in a child process without threads. Returns its exit code.
int in_child(const std::function<int()>& body) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(body());
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

bool runs_control_as_expected(const std::string& folder) {
  const auto good = updater::run_control(folder, "status", std::chrono::seconds(60), {});
  const auto bad = updater::run_control(folder, "fail", std::chrono::seconds(60), {});
  return good && *good == "started" && !bad && bad.error().message.find("exit status 7") != std::string::npos;
}

TEST(Reaper, ReapsOrphansAndLeavesTheExitCodesOfControlToTheWork) {
  const TempDir agent;
  // Each script leaves an orphan that ends at once.
  write_file(agent / "control", "#!/bin/sh\nsetsid true &\necho started\n[ $1 = status ] || exit 7\n", 0755);
  const int code = in_child([&] {
    ::prctl(PR_SET_CHILD_SUBREAPER, 1);
    if (!updater::adopts_orphans()) return 1;
    const pid_t reaper = ::getpid();
    return updater::run_below_reaper([&] {
      for (int i = 0; i < 50; ++i) {
        if (!runs_control_as_expected(agent.path())) return 2;
      }
      return eventually([&] { return children_of(reaper) == std::vector<pid_t>{::getpid()}; }) ? 42 : 3;
    });
  });
  EXPECT_EQ(code, 42);
}

TEST(Reaper, PassesSignalsOnAndReturnsTheSignalThatEndedTheWork) {
  const int code = in_child([] {
    const pid_t reaper = ::getpid();
    return updater::run_below_reaper([&] {
      ::kill(reaper, SIGTERM);
      return eventually([] { return false; }) ? 0 : 1;
    });
  });
  EXPECT_EQ(code, 128 + SIGTERM);
}

TEST(Reaper, IsNotNeededByAnOrdinaryProcess) {
  EXPECT_EQ(in_child([] { return updater::adopts_orphans() ? 1 : 0; }), 0);
}

}  // namespace
}  // namespace ops::tests
