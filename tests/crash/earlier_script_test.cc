// A ./control that an updater began and did not live to see end.

#include <gtest/gtest.h>

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
  /// A script that an updater began, as it would have.
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
  await(seconds(20));
  EXPECT_TRUE(exists(folder + "/ended"));
}

TEST_F(EarlierScript, IsKilledWhenItsTimeIsUp) {
  Process script = begin("stop", "touch begun; sleep 60; touch ended");
  const auto begin = std::chrono::steady_clock::now();
  std::thread reaper([&] { script.wait(); });  // as init would
  await(milliseconds(100));
  reaper.join();
  EXPECT_LT(std::chrono::steady_clock::now() - begin, seconds(15));
  EXPECT_FALSE(exists(folder + "/ended"));
}

TEST_F(EarlierScript, IsNoStatusAndNoScriptOfAnotherAgent) {
  const Process status = begin("status", "touch begun; sleep 60");
  await_earlier_script(layout, "agent", seconds(60), {});
  const Process other = begin("start", "touch begun; sleep 60");
  await_earlier_script(layout, "age", seconds(60), {});
}

}  // namespace
}  // namespace ops::updater
