#include "updater/agent/task_queues.h"

#include <algorithm>
#include <system_error>

#include "common/base/log.h"

namespace ops::updater {

TaskQueues::~TaskQueues() {
  std::map<std::string, TaskQueue> lanes;
  {
    const std::lock_guard lock(mutex_);
    for (auto& [agent, lane] : queues_) lane.thread.request_stop();
    for (auto& [agent, lane] : queues_) lanes[agent].thread = std::move(lane.thread);
  }
  lanes.clear();  // joins
}

bool TaskQueues::is_busy(const std::string& agent) const {
  const std::lock_guard lock(mutex_);
  const auto found = queues_.find(agent);
  return found != queues_.end() && found->second.busy;
}

void TaskQueues::run(const std::string& agent, Task task) {
  const auto work = [this, agent, task = std::move(task)](const std::stop_token& cancel) {
    task(cancel);
    end(agent);
  };
  {
    const std::lock_guard lock(mutex_);
    TaskQueue& lane = queues_[agent];
    if (lane.thread.joinable()) lane.thread.join();  // it has ended; what is left of it is instant
    lane.busy = true;
    try {
      lane.thread = std::jthread(work);
      return;
    } catch (const std::system_error& failure) {
      log::warning(agent, ": no thread is to be had (", failure.what(), "), all others wait meanwhile");
    }
  }
  work({});
}

void TaskQueues::end(const std::string& agent) {
  bool is_waited_for = false;
  {
    const std::lock_guard lock(mutex_);
    queues_[agent].busy = false;
    is_waited_for = awaited_.contains(agent);
    ended_.notify_all();
  }
  if (!is_waited_for) on_end_();
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
