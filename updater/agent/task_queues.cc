#include "updater/agent/task_queues.h"

#include <algorithm>
#include <system_error>

#include "common/base/log.h"

namespace ops::updater {

TaskQueues::~TaskQueues() {
  std::map<std::string, TaskQueue> stopping;
  {
    const std::lock_guard lock(mutex_);
    for (auto& [agent, queue] : queues_) queue.thread.request_stop();
    for (auto& [agent, queue] : queues_) stopping[agent].thread = std::move(queue.thread);
  }
  stopping.clear();  // joins
}

bool TaskQueues::is_busy(const std::string& agent) const {
  const std::lock_guard lock(mutex_);
  const auto found = queues_.find(agent);
  return found != queues_.end() && found->second.busy;
}

void TaskQueues::run(const std::string& agent, Task task) {
  {
    const std::lock_guard lock(mutex_);
    TaskQueue& queue = queues_[agent];
    if (queue.busy) return queue.waiting.push_back(std::move(task));
    if (queue.thread.joinable()) queue.thread.join();  // its tasks have ended, so this does not block
    queue.busy = true;
    try {
      queue.thread = std::jthread([this, agent, task](const std::stop_token& cancel) { work(agent, task, cancel); });
      return;
    } catch (const std::system_error& failure) {
      log::warning(agent, ": cannot create a thread (", failure.what(), "); other agents are delayed until this task ends");
    }
  }
  work(agent, std::move(task), {});
}

void TaskQueues::work(const std::string& agent, Task task, const std::stop_token& cancel) {
  for (; task; task = next(agent)) task(cancel);
}

/// The agent's next task. Without one, the agent becomes idle.
TaskQueues::Task TaskQueues::next(const std::string& agent) {
  bool is_waited_for = false;
  {
    const std::lock_guard lock(mutex_);
    TaskQueue& queue = queues_[agent];
    if (!queue.waiting.empty()) {
      Task task = std::move(queue.waiting.front());
      queue.waiting.pop_front();
      return task;
    }
    queue.busy = false;
    is_waited_for = awaited_.contains(agent);
    ended_.notify_all();
  }
  if (!is_waited_for) on_end_();
  return nullptr;
}

void TaskQueues::wait_until_idle(const std::set<std::string>& agents, std::chrono::milliseconds patience) {
  std::unique_lock lock(mutex_);
  awaited_ = agents;
  ended_.wait_for(lock, patience, [&] {
    return std::none_of(agents.begin(), agents.end(), [&](const std::string& agent) { return queues_[agent].busy; });
  });
  awaited_.clear();
}

}  // namespace ops::updater
