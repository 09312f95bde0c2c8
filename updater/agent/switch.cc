#include "updater/agent/switch.h"

#include <fcntl.h>
#include <stdio.h>

#include <algorithm>
#include <condition_variable>
#include <ctime>
#include <filesystem>
#include <mutex>

#include "common/base/file.h"
#include "common/base/log.h"
#include "updater/agent/observe.h"
#include "updater/process/control_script.h"
#include "updater/process/processes.h"
#include "updater/release/install.h"

namespace ops::updater {

namespace fs = std::filesystem;
using std::chrono::milliseconds;

namespace {

/// Also true when the host fails to tell.
bool exists(const std::string& path) {
  std::error_code error;
  return fs::symlink_status(path, error).type() != fs::file_type::not_found;
}

/// Returns early when `cancel` is asked for.
void sleep_for(milliseconds time, const std::stop_token& cancel) {
  std::mutex mutex;
  std::condition_variable_any condition;
  std::unique_lock lock(mutex);
  condition.wait_for(lock, cancel, time, [] { return false; });
}

/// One agent, while something is done to it.
class Switch {
 public:
  Switch(const Observed& seen, const Layout& layout, const SwitchSettings& settings, const std::stop_token& cancel)
      : seen_(seen), name_(seen.name), layout_(layout), settings_(settings), cancel_(cancel), state_(seen.state) {}

  Result<void> start() {
    if (state_.stopped) {
      state_.stopped = false;
      if (auto saved = save(); !saved) return saved;
    }
    if (auto alone = stop_others(seen_.version); !alone) return alone;
    return start_version(seen_.version);
  }

  Result<void> stop() {
    if (auto stopped = stop_version(seen_.version); !stopped) return stopped;
    state_.stopped = true;
    end_trial();
    return save();
  }

  Result<void> switch_over(const DesiredAgent& desired) {
    const Release* release = ready_release(seen_, desired);
    if (release == nullptr) return Error{cat(desired.version, " is not ready any more")};
    state_.trial = Probation{desired.version, fallback_version(seen_, desired.version), release->checksum, 0};
    state_.failed.reset();
    state_.stopped = false;
    if (auto saved = save(); !saved) return saved;

    const bool new_content = desired.version == seen_.version && seen_.has_control;
    if (release->staged && !new_content) {
      if (auto placed = put_in_place(desired.version); !placed) return placed;
    }
    if (seen_.has_control) {
      if (auto stopped = stop_version(seen_.version); !stopped)
        return stopped.error().within("the old version is left as it is");
    }
    if (auto committed = commit(desired.version, new_content); !committed) return committed;
    return begin_trial();
  }

  /// Starts the version on trial, unless it was started already, and lets the probation begin.
  Result<void> begin_trial() {
    // What keeps it from being tried is no fault of the release.
    if (auto alone = stop_others(state_.trial->version); !alone) return alone;
    if (auto started = start_version(state_.trial->version); !started) {
      if (cancel_.stop_requested()) return started;
      return fail_trial(started.error().message, true);
    }
    state_.trial->until = std::time(nullptr) + 1 + settings_.probation.count();  // this second has begun already
    return save();
  }

  /// Latches the failure and goes back. Whatever of it was done before may be done again.
  Result<void> fail_trial(const std::string& why, bool start_previous) {
    const Probation trial = *state_.trial;
    if (!state_.failed || state_.failed->version != trial.version) {
      state_.failed = Failure{trial.version, trial.checksum, one_line(why, kMaxStatusSize), std::time(nullptr)};
      if (auto saved = save(); !saved) return saved;
      log::error(name_, " ", trial.version, " failed: ", why, "; ",
                 trial.previous.empty() ? std::string("there is no version to go back to, it is stopped")
                                        : "going back to " + trial.previous);
    }
    const Error failure{cat(trial.version, " failed and will not be tried again before it changes: ", state_.failed->error)};
    auto now = read_agent(layout_, name_);
    if (now && is_lost(*now)) {
      // What was started has damaged .version. Before, it named the one that is on trial.
      if (auto restored = commit(trial.version, false); !restored) return restored.error().within("cannot go back");
      now = read_agent(layout_, name_);
    }
    if (!now) return now.error().within("cannot go back");
    if (is_committed(trial, *now)) {
      if (auto stopped = stop_failed(trial.version); !stopped) return stopped.error().within("cannot go back");
      if (auto undone = undo_commit(trial); !undone) return undone;
    }
    end_trial();
    if (auto saved = save(); !saved) return saved;
    if (trial.previous.empty() || !start_previous) return failure;
    if (auto alone = stop_others(trial.previous, trial.version); !alone) return alone.error().within(failure.message);
    if (auto started = start_version(trial.previous); !started) return started.error().within(failure.message);
    log::info(name_, ": back at ", trial.previous, ", which is started");
    return failure;
  }

  Result<void> pass() {
    const Probation trial = *state_.trial;
    if (!trial.previous.empty() && trial.previous != trial.version) state_.previous = trial.previous;
    state_.failed.reset();
    end_trial();
    return save();
  }

  Result<void> tidy() {
    for (const std::string& entry : leftovers(seen_, settings_.keep_versions)) {
      if (auto removed = remove_release(layout_.agent(name_) + "/" + entry); !removed) return removed;
      log::debug(name_, ": removed ", entry);
    }
    return {};
  }

 private:
  Result<void> save() { return write_state(layout_.state_file(name_), state_); }
  void end_trial() { state_.trial.reset(); }

  /// .version names neither the version on trial nor the one to go back to.
  bool is_lost(const Observed& now) const {
    const Probation& trial = *state_.trial;
    return now.version != trial.version && (trial.previous.empty() || now.version != trial.previous);
  }

  /// Moves .staged-VERSION to VERSION. A folder of that name is the Go updater's, half of something, or an older content: it
  /// goes, after what may run in it was stopped.
  Result<void> put_in_place(const std::string& version) {
    const std::string folder = layout_.version(name_, version);
    if (exists(folder)) {
      if (auto stopped = stop_stray(version); !stopped) return stopped;
      if (auto removed = remove_release(folder); !removed) return removed;
    }
    if (::rename(layout_.staged(name_, version).c_str(), folder.c_str()) != 0) return system_error("create", folder);
    return sync_directory(layout_.agent(name_));
  }

  Result<void> commit(const std::string& version, bool new_content) {
    if (new_content) return exchange_content(version);
    return put_file(layout_.version_file(name_), version + "\n", 0644);
  }

  Result<void> undo_commit(const Probation& trial) {
    if (trial.previous.empty()) return {};
    if (trial.previous == trial.version) return exchange_content(trial.version);
    return put_file(layout_.version_file(name_), trial.previous + "\n", 0644);
  }

  /// The same version in another content: VERSION and .staged-VERSION change places in one step.
  Result<void> exchange_content(const std::string& version) {
    const std::string folder = layout_.version(name_, version);
    const std::string staged = layout_.staged(name_, version);
    if (::renameat2(AT_FDCWD, folder.c_str(), AT_FDCWD, staged.c_str(), RENAME_EXCHANGE) != 0) {
      return system_error("exchange the content of", folder);
    }
    return sync_directory(layout_.agent(name_));
  }

  /// Makes sure that no other version runs. `ended` is one that surely doesn't, whatever its control says.
  Result<void> stop_others(const std::string& version, const std::string& ended = "") {
    const auto others = other_versions(version);
    if (!others) return others.error().within(cat(version, " is not started"));
    for (const std::string& other : *others) {
      if (other == ended) continue;
      if (auto stopped = stop_stray(other); !stopped) return stopped.error().within(cat(version, " is not started"));
    }
    return {};
  }

  /// Starts a version and sees it started. To be called when no other one runs.
  Result<void> start_version(const std::string& version) {
    if (to_status(status(version)) == Status::started) return {};
    log::info(name_, ": starting ", version);
    const auto started = run_control(layout_.version(name_, version), "start", settings_.control_timeout, cancel_);
    const milliseconds patience = started ? milliseconds(kSettleTime) : milliseconds(0);
    const std::string last = wait_for(version, Status::started, patience);
    if (to_status(last) == Status::started) return {};
    const std::string how = started ? "start ended well" : started.error().message;
    return Error{cat(version, " did not start: ", how, ", its status is \"", last, "\"")};
  }

  /// Stops a version and sees it stopped.
  Result<void> stop_version(const std::string& version) {
    if (to_status(status(version)) == Status::stopped) return {};
    log::info(name_, ": stopping ", version);
    const auto stopped = run_control(layout_.version(name_, version), "stop", settings_.control_timeout, cancel_);
    const std::string last = wait_for(version, Status::stopped, kSettleTime);
    if (to_status(last) == Status::stopped) return {};
    const std::string how = stopped ? "stop ended well" : stopped.error().message;
    return Error{cat(version, " did not stop: ", how, ", its status is \"", last, "\"")};
  }

  /// Stops a version that did not pass its trial. Its control may be what is broken: then its processes are ended, for the
  /// old version must not wait for a release that can't even be stopped.
  Result<void> stop_failed(const std::string& version) {
    auto stopped = stop_version(version);
    if (stopped || cancel_.stop_requested()) return stopped;
    log::warning(name_, ": ", stopped.error().message, "; ending its processes");
    return end_processes_in(layout_.version(name_, version), cancel_) ? Result<void>() : stopped;
  }

  /// Stops a version that should not run, if it does.
  Result<void> stop_stray(const std::string& version) {
    if (!exists(layout_.version(name_, version) + Layout::kControlFile)) return {};
    return to_status(status(version)) == Status::started ? stop_version(version) : Result<void>();
  }

  Result<std::vector<std::string>> other_versions(const std::string& version) const {
    std::vector<std::string> others;
    std::error_code error;
    for (fs::directory_iterator entry(layout_.agent(name_), error), end; !error && entry != end; entry.increment(error)) {
      const std::string folder = entry->path().filename();
      if (is_valid_version(folder) && folder != version) others.push_back(folder);
    }
    if (error) return system_error("list", layout_.agent(name_), error.value());
    return others;
  }

  std::string status(const std::string& version) const { return status_of(layout_, name_, version, cancel_); }

  /// The status as soon as it is the one that is waited for, or what it is when patience ends.
  std::string wait_for(const std::string& version, Status wanted, milliseconds patience) const {
    const auto deadline = std::chrono::steady_clock::now() + patience;
    for (;;) {
      std::string text = status(version);
      if (to_status(text) == wanted || std::chrono::steady_clock::now() >= deadline || cancel_.stop_requested()) return text;
      sleep_for(kSettleTick, cancel_);
    }
  }

  const Observed& seen_;
  const std::string& name_;
  const Layout& layout_;
  const SwitchSettings& settings_;
  const std::stop_token& cancel_;
  State state_;
};

}  // namespace

Result<void> carry_out(const Decision& decision, const Observed& seen, const DesiredAgent* desired, const Layout& layout,
                       const SwitchSettings& settings, const std::stop_token& cancel) {
  Switch agent(seen, layout, settings, cancel);
  switch (decision.action) {
    case Action::none: return {};
    case Action::start: return agent.start();
    case Action::stop: return agent.stop();
    case Action::switch_over: return agent.switch_over(*desired);
    case Action::resume_trial: return agent.begin_trial();
    case Action::roll_back: return agent.fail_trial(decision.reason, desired == nullptr || desired->cmd != "stop");
    case Action::pass: return agent.pass();
    case Action::tidy: return agent.tidy();
  }
  return {};
}

}  // namespace ops::updater
