#include "updater/release/fetch_worker.h"

#include <algorithm>
#include <system_error>

#include "updater/process/memory.h"

namespace ops::updater {

void FetchWorker::want(const std::vector<DesiredAgent>& agents, const Trust& trust) {
  const std::lock_guard lock(mutex_);
  if (job_) {
    if (std::find(agents.begin(), agents.end(), job_->agent) != agents.end()) return;
    job_->cancelled = true;
    thread_.request_stop();
    return;  // its end wakes the loop, which asks again
  }
  if (agents.empty()) return;
  if (thread_.joinable()) thread_.join();
  job_ = Job{agents.front(), {}, false, false, std::nullopt};
  try {
    thread_ =
        std::jthread([this, agent = agents.front(), trust](const std::stop_token& cancel) { work(agent, trust, cancel); });
  } catch (const std::system_error& failure) {
    job_->error = PrepareError{{cat("no thread is to be had: ", failure.what())}, false, ""};
    job_->ended = true;
    on_end_();
  }
}

void FetchWorker::work(const DesiredAgent& agent, const Trust& trust, const std::stop_token& cancel) {
  const auto report = [this](Phase phase, uint64_t done, uint64_t total) {
    const std::lock_guard lock(mutex_);
    job_->progress = {phase, done, total};
  };
  std::optional<PrepareError> error;
  try {
    error = prepare(layout_, agent, limits_, trust, report, cancel);
  } catch (const std::bad_alloc&) {
    error = PrepareError{{kOutOfMemory}};
  }
  {
    const std::lock_guard lock(mutex_);
    job_->error = std::move(error);
    job_->ended = true;
  }
  on_end_();
}

std::optional<FetchWorker::Outcome> FetchWorker::take_outcome() {
  const std::lock_guard lock(mutex_);
  if (!job_ || !job_->ended) return std::nullopt;
  std::optional<Outcome> outcome;
  if (!job_->cancelled) outcome = Outcome{job_->agent, std::move(job_->error)};
  job_.reset();
  return outcome;
}

std::optional<FetchWorker::Progress> FetchWorker::progress(const std::string& agent) const {
  const std::lock_guard lock(mutex_);
  if (!job_ || job_->agent.name != agent) return std::nullopt;
  return job_->progress;
}

}  // namespace ops::updater
