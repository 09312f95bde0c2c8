// A ./control script that an earlier updater started and that outlived this updater.

#include <gtest/gtest.h>
#include <signal.h>

#include <chrono>
#include <thread>

#include "tests/support/process.h"
#include "tests/support/temp_dir.h"
#include "tests/support/wait.h"
#include "updater/agent/observe.h"

namespace ops::updater {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using tests::eventually;
using tests::exists;
using tests::Process;

struct EarlierScript : testing::Test {
  /// Starts a control script in its own session, as the updater does, and waits until it has created the file `begun`.
  Process begin(const std::string& verb, const std::string& text) {
    tests::write_file(folder + "/control", "#!/bin/sh\n" + text + "\n", 0755);
    Process script({"setsid", "./control", verb}, folder, root / "out");
    EXPECT_TRUE(eventually([&] { return exists(folder + "/begun"); }));
    return script;
  }

  void await(milliseconds patience) const { await_earlier_script(layout, "agent", patience, {}); }

  tests::TempDir root;
  Layout layout{root.path()};
  const std::string folder = layout.version("agent", "1.0.0");
};

TEST_F(EarlierScript, IsWaitedFor) {
  const Process script = begin("start", "touch begun; sleep 0.3; touch ended");
  await(seconds(60));
  EXPECT_TRUE(exists(folder + "/ended"));
}

TEST_F(EarlierScript, IsKilledAtTheDeadline) {
  Process script = begin("stop", "touch begun; sleep 1000; touch ended");
  std::thread reaper([&] { EXPECT_EQ(script.wait(), 128 + SIGTERM); });  // reaps the script as init does
  await(milliseconds(100));
  reaper.join();
  EXPECT_FALSE(exists(folder + "/ended"));
}

TEST_F(EarlierScript, OfAStatusOrOfAnotherAgentIsNotWaitedFor) {
  Process status = begin("status", "touch begun; sleep 1000");
  await_earlier_script(layout, "agent", seconds(60), {});
  EXPECT_TRUE(status.is_running()) << "the updater waited for the status and killed it";
  Process other = begin("start", "touch begun; sleep 1000");
  await_earlier_script(layout, "age", seconds(60), {});
  EXPECT_TRUE(other.is_running()) << "the updater waited for another agent's script and killed it";
}

}  // namespace
}  // namespace ops::updater
