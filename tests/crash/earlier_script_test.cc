// A ./control script that an earlier updater started and that outlived this updater.

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>

#include <chrono>
#include <thread>

#include "tests/support/process.h"
#include "tests/support/temp_dir.h"
#include "tests/support/wait.h"
#include "updater/agent/observe.h"
#include "updater/process/script_note.h"

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

  /// Begins the script and notes it as the earlier updater's.
  Process begin_noted(const std::string& verb, const std::string& text) {
    Process script = begin(verb, text);
    note(script.pid(), start_ticks_of(script.pid()));
    return script;
  }

  void note(pid_t pid, uint64_t ticks) const {
    tests::write_file(layout.script_note("agent"), std::to_string(pid) + " " + std::to_string(ticks) + "\n");
  }

  void await(milliseconds patience) const { await_earlier_script(layout, "agent", patience, {}); }

  tests::TempDir root;
  Layout layout{root.path()};
  const std::string folder = layout.version("agent", "1.0.0");
};

TEST_F(EarlierScript, IsWaitedFor) {
  const Process script = begin_noted("start", "touch begun; sleep 0.3; touch ended");
  await(seconds(60));
  EXPECT_TRUE(exists(folder + "/ended"));
  EXPECT_FALSE(exists(layout.script_note("agent")));
}

TEST_F(EarlierScript, IsKilledAtTheDeadline) {
  Process script = begin_noted("stop", "touch begun; sleep 1000; touch ended");
  std::thread reaper([&] { EXPECT_EQ(script.wait(), 128 + SIGTERM); });  // reaps the script as init does
  await(milliseconds(100));
  reaper.join();
  EXPECT_FALSE(exists(folder + "/ended"));
  EXPECT_FALSE(exists(layout.script_note("agent")));
}

// The daemon of such an agent is a fork of ./control start: the same command line and folder, and a session of its own.
TEST_F(EarlierScript, IsNotConfusedWithAnAgentThatIsItsControlScript) {
  Process agent = begin("start", "touch begun; sleep 1000");
  await(milliseconds(1));
  EXPECT_TRUE(agent.is_running()) << "without a note, no script runs";
  const uint64_t ticks = start_ticks_of(agent.pid());
  note(agent.pid(), ticks - 1);
  await(milliseconds(1));
  EXPECT_TRUE(agent.is_running()) << "the noted script ended, and the agent got its pid";
  note(0, ticks);
  await(milliseconds(1));
  EXPECT_TRUE(agent.is_running()) << "the earlier updater ended before it noted the pid";
  EXPECT_FALSE(exists(layout.script_note("agent")));
}

TEST_F(EarlierScript, WhosePidIsNotNotedIsWaitedFor) {
  const uint64_t before = ticks_since_boot();
  const Process script = begin("start", "touch begun; sleep 0.3; touch ended");
  note(0, before);
  await(seconds(60));
  EXPECT_TRUE(exists(folder + "/ended"));
}

TEST_F(EarlierScript, OfAStatusOrOfAnotherAgentIsNotWaitedFor) {
  Process status = begin("status", "touch begun; sleep 1000");
  note(0, 1);
  await(seconds(60));
  EXPECT_TRUE(status.is_running()) << "the updater waited for the status and killed it";
  Process other = begin_noted("start", "touch begun; sleep 1000");
  await_earlier_script(layout, "age", seconds(60), {});
  EXPECT_TRUE(other.is_running()) << "the updater waited for another agent's script and killed it";
}

TEST_F(EarlierScript, IsIgnoredIfItsNoteIsDamagedOrByAnotherUser) {
  Process script = begin_noted("start", "touch begun; sleep 1000");
  ASSERT_EQ(::chmod(layout.agent("agent").c_str(), 0777), 0);
  await(milliseconds(1));
  EXPECT_TRUE(script.is_running()) << "each user may write this note";
  ASSERT_EQ(::chmod(layout.agent("agent").c_str(), 0755), 0);
  for (const char* text : {"", "12", "-1 5", "x y", "99999999999 1", "0 "}) {
    tests::write_file(layout.script_note("agent"), text);
    EXPECT_EQ(read_script_note(layout.script_note("agent")), std::nullopt) << text;
    await(milliseconds(1));
  }
  EXPECT_TRUE(script.is_running());
}

}  // namespace
}  // namespace ops::updater
