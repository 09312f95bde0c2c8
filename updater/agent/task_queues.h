#pragma once

// Runs tasks for agents: one after the other for each agent, tasks of different agents in parallel. An agent whose ./control
// hangs does not delay another agent.

#include <chrono>
#include <condition_variable>
#include <deque>
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

  /// `on_end` is called in the task's thread when its agent has become idle, except while wait_until_idle() waits for it.
  explicit TaskQueues(std::function<void()> on_end) : on_end_(std::move(on_end)) {}

  /// Requests all tasks to stop, and waits until they have ended.
  ~TaskQueues();

  TaskQueues(const TaskQueues&) = delete;
  TaskQueues& operator=(const TaskQueues&) = delete;

  bool is_busy(const std::string& agent) const;

  /// Runs the task in a new thread, or after the agent's tasks that have not ended. If the host cannot create a thread, runs it
  /// in the caller's thread and returns after it.
  void run(const std::string& agent, Task task);

  /// Returns when all of these agents are idle, or after `patience`.
  void wait_until_idle(const std::set<std::string>& agents, std::chrono::milliseconds patience);

 private:
  struct TaskQueue {
    bool busy = false;
    std::deque<Task> waiting;
    std::jthread thread;
  };

  void work(const std::string& agent, Task task, const std::stop_token& cancel);
  Task next(const std::string& agent);

  const std::function<void()> on_end_;
  mutable std::mutex mutex_;
  std::condition_variable ended_;
  std::set<std::string> awaited_;            // agents that wait_until_idle() waits for; guarded by mutex_
  std::map<std::string, TaskQueue> queues_;  // guarded by mutex_
};

}  // namespace ops::updater
