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
    return;  // when it has ended, on_end_ wakes the loop, which calls want() again
  }
  if (agents.empty()) return;
  if (thread_.joinable()) thread_.join();
  job_ = Job{agents.front(), {agents.front().name}, false, false, std::nullopt};
  try {
    thread_ =
        std::jthread([this, agent = agents.front(), trust](const std::stop_token& cancel) { work(agent, trust, cancel); });
  } catch (const std::system_error& failure) {
    job_->error = FetchError{{cat("cannot create a thread to fetch it: ", failure.what())}, false, ""};
    job_->ended = true;
    on_end_();
  }
}

void FetchWorker::work(const DesiredAgent& agent, Trust trust, const std::stop_token& cancel) {
  trust.access.past_caches = mismatched_ == agent.name;
  const auto report = [&](Phase phase, uint64_t done, uint64_t total) {
    const std::lock_guard lock(mutex_);
    job_->progress = {agent.name, phase, done, total};
  };
  std::optional<FetchError> error;
  try {
    error = fetch_release(layout_, agent, limits_, trust, report, cancel);
  } catch (const std::bad_alloc&) {
    error = FetchError{out_of_memory()};
  }
  mismatched_ = error && error->is_mismatch ? agent.name : "";
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

std::optional<FetchWorker::Progress> FetchWorker::progress() const {
  const std::lock_guard lock(mutex_);
  return job_ ? std::optional(job_->progress) : std::nullopt;
}

}  // namespace ops::updater
