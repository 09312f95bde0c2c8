#include "updater/agent/version_control.h"

#include <algorithm>
#include <condition_variable>
#include <filesystem>
#include <mutex>

#include "common/base/log.h"
#include "common/base/text.h"
#include "updater/agent/observe.h"
#include "updater/model/unclear_status.h"
#include "updater/process/control_script.h"
#include "updater/process/last_lines.h"
#include "updater/process/processes.h"

namespace ops::updater {

namespace fs = std::filesystem;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

/// Returns early if `cancel` is requested.
void sleep_for(milliseconds time, const std::stop_token& cancel) {
  std::mutex mutex;
  std::condition_variable_any condition;
  std::unique_lock lock(mutex);
  condition.wait_for(lock, cancel, time, [] { return false; });
}

Error failure(const std::string& version, const char* verb, const Result<std::string>& run, const std::string& last,
              seconds patience) {
  std::string how = run ? cat(verb, " exited with code 0") : run.error().message;
  if (run && !run->empty()) how += cat(" and printed \"", last_lines(*run), "\"");
  return Error{cat(version, " did not ", verb, ": ", how, ", its status is \"", last, "\"",
                   patience.count() > 0 ? cat(" after ", patience.count(), " s") : "")};
}

}  // namespace

Result<void> VersionControl::start(const std::string& version) const {
  if (to_status(status(version)) == Status::started) return {};
  log::info(agent_, ": starting ", version);
  const auto started = run(version, "start");
  // A start may fail because the agent runs already, so its status decides.
  const seconds patience = started ? settings_.start_timeout : seconds(0);
  const std::string last = wait_for(version, Status::started, patience);
  if (to_status(last) == Status::started) return {};
  return failure(version, "start", started, last, patience);
}

Result<void> VersionControl::stop(const std::string& version) const {
  if (to_status(status(version)) == Status::stopped) return {};
  log::info(agent_, ": stopping ", version);
  const auto stopped = run(version, "stop");
  const std::string last = wait_for(version, Status::stopped, settings_.stop_timeout);
  if (to_status(last) == Status::stopped) return {};
  return failure(version, "stop", stopped, last, settings_.stop_timeout);
}

Result<void> VersionControl::stop_failed(const std::string& version) const {
  auto stopped = stop(version);
  if (stopped || cancel_.stop_requested()) return stopped;
  log::warning(agent_, ": ", stopped.error().message, "; ending its processes by signal");
  return end_processes_in(layout_.version(agent_, version), cancel_) ? Result<void>() : stopped;
}

Result<void> VersionControl::stop_if_started(const std::string& version) const {
  std::error_code error;
  const auto control = fs::symlink_status(layout_.version(agent_, version) + Layout::kControlFile, error);
  if (control.type() == fs::file_type::not_found) return {};
  return to_status(status(version)) == Status::started ? stop(version) : Result<void>();
}

Result<void> VersionControl::stop_others(const std::string& version, const std::string& ended) const {
  const auto versions = others(version);
  if (!versions) return versions.error();
  for (const std::string& other : *versions) {
    if (other == ended) continue;
    if (auto stopped = stop_if_started(other); !stopped) return stopped;
  }
  return {};
}

Result<void> VersionControl::end_orphans(const std::string& version) const {
  const std::string folder = version.empty() ? layout_.agent(agent_) : layout_.version(agent_, version);
  const auto find = [&] { return version.empty() ? removed_processes_in(folder) : processes_in(folder); };
  for (const pid_t pid : find()) {
    log::warning(agent_, ": ending ", describe(pid), ", which runs from ", folder, ", where no ./control can stop it");
  }
  if (terminate(find, cancel_)) return {};
  return Error{cat("cannot end the processes of ", folder, ", which has no ./control to stop them: end them by hand")};
}

Result<std::vector<std::string>> VersionControl::others(const std::string& version) const {
  std::vector<std::string> versions;
  std::error_code error;
  for (fs::directory_iterator entry(layout_.agent(agent_), error), end; !error && entry != end; entry.increment(error)) {
    const std::string folder = entry->path().filename();
    if (is_valid_version(folder) && folder != version) versions.push_back(folder);
  }
  if (error) return system_error("list", layout_.agent(agent_), error.value());
  return versions;
}

Result<std::string> VersionControl::run(const std::string& version, const std::string& verb) const {
  return run_control(layout_.version(agent_, version), verb, settings_.control_timeout, cancel_, layout_.script_note(agent_));
}

std::string VersionControl::status(const std::string& version) const {
  return status_of(layout_, agent_, version, cancel_, status_deadline(settings_.control_timeout));
}

/// Waits for a status for as long as `patience`, and longer while the status is unclear and is no failure yet. Returns the last
/// status.
std::string VersionControl::wait_for(const std::string& version, Status wanted, seconds patience) const {
  const auto deadline = Clock::now() + patience;
  UnclearStatus unclear;
  for (milliseconds tick = kSettleTick;; tick = std::min(tick * 2, kMaxSettleTick)) {
    std::string text = status(version);
    const Status current = to_status(text);
    const auto now = Clock::now();
    unclear.note(current, now);
    const bool is_conclusive = current != Status::unclear || unclear.is_failure(settings_.unclear_patience, now);
    if (current == wanted || cancel_.stop_requested() || (now >= deadline && is_conclusive)) return text;
    sleep_for(tick, cancel_);
  }
}

}  // namespace ops::updater
