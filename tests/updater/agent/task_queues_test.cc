#include "updater/agent/task_queues.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>

#include "tests/support/temp_dir.h"
#include "tests/support/wait.h"

namespace ops::updater {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Clock = std::chrono::steady_clock;
using tests::always;
using tests::eventually;

/// Ends when it is told to, or cancelled.
struct Gate {
  void wait(const std::stop_token& cancel) const {
    eventually([&] { return open.load() || cancel.stop_requested(); }, seconds(60));
  }
  std::atomic<bool> open = false;
};

/// Whether a thread of this process sleeps, as one that waits does.
bool is_asleep(pid_t thread) {
  const std::string stat = tests::read_file("/proc/self/task/" + std::to_string(thread) + "/stat");
  return stat.substr(stat.rfind(')') + 1).starts_with(" S");
}

struct TaskQueuesTest : testing::Test {
  TaskQueues::Task waits_at(Gate& gate) {
    return [&](const std::stop_token& cancel) { gate.wait(cancel); };
  }

  std::atomic<int> ends = 0;
  Gate first;
  Gate second;
  TaskQueues lanes{[this] { ++ends; }};
};

TEST_F(TaskQueuesTest, AreBusyForTheLengthOfATask) {
  EXPECT_FALSE(lanes.is_busy("a"));
  lanes.run("a", waits_at(first));
  EXPECT_TRUE(lanes.is_busy("a"));
  EXPECT_FALSE(lanes.is_busy("b"));
  first.open = true;
  EXPECT_TRUE(eventually([&] { return !lanes.is_busy("a"); }));
  EXPECT_TRUE(eventually([&] { return ends == 1; }));
}

TEST_F(TaskQueuesTest, OneThatHangsDelaysNoOther) {
  lanes.run("a", waits_at(first));
  for (int i = 1; i <= 20; ++i) {
    lanes.run("b", [](const std::stop_token&) {});
    ASSERT_TRUE(eventually([&] { return ends == i && !lanes.is_busy("b"); }));
  }
  EXPECT_TRUE(lanes.is_busy("a"));
}

TEST_F(TaskQueuesTest, WaitingEndsWhenAllOfThemHaveEnded) {
  lanes.run("a", waits_at(first));
  lanes.run("b", waits_at(second));
  std::jthread opens([&, waiter = ::gettid()] {
    EXPECT_TRUE(eventually([&] { return is_asleep(waiter); }));
    first.open = true;
    second.open = true;
  });
  lanes.wait_until_idle({"a", "b"}, seconds(60));
  EXPECT_FALSE(lanes.is_busy("a"));
  EXPECT_FALSE(lanes.is_busy("b"));
  EXPECT_EQ(ends, 0) << "who waits for it needs no call";
}

TEST_F(TaskQueuesTest, WaitingEndsWithPatience) {
  lanes.run("a", waits_at(first));
  const auto begin = Clock::now();
  lanes.wait_until_idle({"a"}, milliseconds(50));
  EXPECT_GE(Clock::now() - begin, milliseconds(50));
  EXPECT_TRUE(lanes.is_busy("a"));
  first.open = true;
  EXPECT_TRUE(eventually([&] { return ends == 1; })) << "an end after that is told";
}

TEST_F(TaskQueuesTest, WaitingForWhatNeverRanEndsAtOnce) {
  lanes.wait_until_idle({"a", "b"}, seconds(60));
  lanes.wait_until_idle({}, seconds(60));
  EXPECT_FALSE(lanes.is_busy("a"));
}

TEST_F(TaskQueuesTest, AnEndIsToldWhileSomebodyWaitsForAnotherLane) {
  lanes.run("a", waits_at(first));
  lanes.run("b", waits_at(second));
  std::jthread waits([&] { lanes.wait_until_idle({"a"}, seconds(60)); });
  first.open = false;
  EXPECT_TRUE(always([&] { return ends == 0; }, milliseconds(50)));
  second.open = true;
  EXPECT_TRUE(eventually([&] { return ends == 1; }));
  first.open = true;
}

TEST_F(TaskQueuesTest, DestructionCancelsAllTasksAndWaitsForThem) {
  std::atomic<int> cancelled = 0;
  {
    TaskQueues brief([] {});
    for (const char* agent : {"a", "b", "c"}) {
      brief.run(agent, [&](const std::stop_token& cancel) {
        eventually([&] { return cancel.stop_requested(); }, seconds(60));
        ++cancelled;
      });
    }
  }
  EXPECT_EQ(cancelled, 3);
}

/// As in a container where an agent's children have taken all processes there may be.
void take_all_threads_away() {
  const rlimit none{0, 0};
  if (::setrlimit(RLIMIT_NPROC, &none) != 0 || (::getuid() == 0 && ::setresuid(65534, 65534, 65534) != 0)) ::_exit(2);
}

TEST(LanesDeathTest, ATaskIsDoneEvenWhenThereIsNoThreadForIt) {
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  EXPECT_EXIT(
      {
        int done = 0;
        int told = 0;
        TaskQueues lanes([&] { ++told; });
        take_all_threads_away();
        lanes.run("a", [&](const std::stop_token&) { ++done; });
        lanes.wait_until_idle({"a"}, seconds(0));
        ::_exit(done == 1 && told == 1 && !lanes.is_busy("a") ? 0 : 1);
      },
      testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace ops::updater
