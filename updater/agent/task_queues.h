#pragma once

// One lane for each agent: what is done to an agent is done one thing at a time, and an agent whose ./control hangs delays
// nobody else.

#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <stop_token>
#include <string>
#include <thread>

namespace ops::updater {

class TaskQueues {
 public:
  using Task = std::function<void(const std::stop_token&)>;

  /// `on_end` is called, from the lane's thread, after each task whose end nobody waits for in wait_until_idle.
  explicit TaskQueues(std::function<void()> on_end) : on_end_(std::move(on_end)) {}

  /// Asks all tasks to stop, and waits for them.
  ~TaskQueues();

  TaskQueues(const TaskQueues&) = delete;
  TaskQueues& operator=(const TaskQueues&) = delete;

  bool is_busy(const std::string& agent) const;

  /// The agent must not be busy. When the system has no more threads, the task is done right here.
  void run(const std::string& agent, Task task);

  /// Returns when none of these agents is busy, or after `patience`.
  void wait_until_idle(const std::set<std::string>& agents, std::chrono::milliseconds patience);

 private:
  struct TaskQueue {
    bool busy = false;
    std::jthread thread;
  };

  void end(const std::string& agent);

  const std::function<void()> on_end_;
  mutable std::mutex mutex_;
  std::condition_variable ended_;
  std::set<std::string> awaited_;            // by wait_until_idle; guarded by mutex_
  std::map<std::string, TaskQueue> queues_;  // guarded by mutex_
};

}  // namespace ops::updater
