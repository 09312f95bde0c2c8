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

/// A task waits here until the gate is open or the task is cancelled.
struct Gate {
  void wait(const std::stop_token& cancel) const {
    eventually([&] { return open.load() || cancel.stop_requested(); }, seconds(60));
  }
  std::atomic<bool> open = false;
};

/// True if this thread of the process sleeps, as in a wait.
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
  TaskQueues queues{[this] { ++ends; }};
};

TEST_F(TaskQueuesTest, AreBusyUntilTheTaskEnds) {
  EXPECT_FALSE(queues.is_busy("a"));
  queues.run("a", waits_at(first));
  EXPECT_TRUE(queues.is_busy("a"));
  EXPECT_FALSE(queues.is_busy("b"));
  first.open = true;
  EXPECT_TRUE(eventually([&] { return !queues.is_busy("a"); }));
  EXPECT_TRUE(eventually([&] { return ends == 1; }));
}

TEST_F(TaskQueuesTest, ATaskThatHangsDelaysNoOtherAgent) {
  queues.run("a", waits_at(first));
  for (int i = 1; i <= 20; ++i) {
    queues.run("b", [](const std::stop_token&) {});
    ASSERT_TRUE(eventually([&] { return ends == i && !queues.is_busy("b"); }));
  }
  EXPECT_TRUE(queues.is_busy("a"));
}

TEST_F(TaskQueuesTest, RunTheTasksOfOneAgentInTheirOrder) {
  std::string order;
  queues.run("a", waits_at(first));
  for (const char task : {'1', '2', '3'}) queues.run("a", [&order, task](const std::stop_token&) { order += task; });
  EXPECT_EQ(order, "");
  first.open = true;
  queues.wait_until_idle({"a"}, seconds(60));
  EXPECT_EQ(order, "123");
}

TEST_F(TaskQueuesTest, WaitUntilIdleReturnsWhenAllTasksHaveEnded) {
  queues.run("a", waits_at(first));
  queues.run("b", waits_at(second));
  std::jthread opens([&, waiter = ::gettid()] {
    EXPECT_TRUE(eventually([&] { return is_asleep(waiter); }));
    first.open = true;
    second.open = true;
  });
  queues.wait_until_idle({"a", "b"}, seconds(60));
  EXPECT_FALSE(queues.is_busy("a"));
  EXPECT_FALSE(queues.is_busy("b"));
  EXPECT_EQ(ends, 0) << "on_end is not called for an awaited task";
}

TEST_F(TaskQueuesTest, WaitUntilIdleReturnsAfterPatience) {
  queues.run("a", waits_at(first));
  const auto begin = Clock::now();
  queues.wait_until_idle({"a"}, milliseconds(50));
  EXPECT_GE(Clock::now() - begin, milliseconds(50));
  EXPECT_TRUE(queues.is_busy("a"));
  first.open = true;
  EXPECT_TRUE(eventually([&] { return ends == 1; })) << "on_end is called for a task that ends after the wait";
}

TEST_F(TaskQueuesTest, WaitUntilIdleReturnsAtOnceWithoutTasks) {
  queues.wait_until_idle({"a", "b"}, seconds(60));
  queues.wait_until_idle({}, seconds(60));
  EXPECT_FALSE(queues.is_busy("a"));
}

TEST_F(TaskQueuesTest, CallOnEndDuringAWaitForAnotherAgent) {
  queues.run("a", waits_at(first));
  queues.run("b", waits_at(second));
  std::jthread waits([&] { queues.wait_until_idle({"a"}, seconds(60)); });
  first.open = false;
  EXPECT_TRUE(always([&] { return ends == 0; }, milliseconds(50)));
  second.open = true;
  EXPECT_TRUE(eventually([&] { return ends == 1; }));
  first.open = true;
}

TEST_F(TaskQueuesTest, DestructorCancelsAllTasksAndWaitsForThem) {
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

/// As in a container in which an agent's children use all processes of the limit.
void forbid_threads() {
  const rlimit none{0, 0};
  if (::setrlimit(RLIMIT_NPROC, &none) != 0 || (::getuid() == 0 && ::setresuid(65534, 65534, 65534) != 0)) ::_exit(2);
}

TEST(TaskQueuesDeathTest, ATaskRunsInTheCallersThreadIfNoThreadCanBeCreated) {
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  EXPECT_EXIT(
      {
        int done = 0;
        int ends = 0;
        TaskQueues queues([&] { ++ends; });
        forbid_threads();
        queues.run("a", [&](const std::stop_token&) { ++done; });
        queues.wait_until_idle({"a"}, seconds(0));
        ::_exit(done == 1 && ends == 1 && !queues.is_busy("a") ? 0 : 1);
      },
      testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace ops::updater
