#include "updater/agent/switch.h"

#include <fcntl.h>
#include <stdio.h>

#include <algorithm>
#include <ctime>
#include <filesystem>

#include "common/base/clock.h"
#include "common/base/file.h"
#include "common/base/log.h"
#include "updater/agent/observe.h"
#include "updater/agent/version_control.h"
#include "updater/process/processes.h"
#include "updater/release/install.h"

namespace ops::updater {

namespace fs = std::filesystem;

namespace {

/// Also true if the host fails to look.
bool exists(const std::string& path) {
  std::error_code error;
  return fs::symlink_status(path, error).type() != fs::file_type::not_found;
}

/// The steps of each action for one agent.
class Switch {
 public:
  Switch(const Observed& seen, const Layout& layout, const SwitchSettings& settings, const std::stop_token& cancel)
      : seen_(seen),
        name_(seen.name),
        layout_(layout),
        settings_(settings),
        cancel_(cancel),
        control_(layout, seen.name, settings, cancel),
        state_(seen.state) {}

  Result<void> start() {
    if (state_.stopped) {
      state_.stopped = false;
      if (auto saved = save(); !saved) return saved;
    }
    if (auto stopped = stop_other_versions(seen_.version); !stopped) return stopped;
    return control_.start(seen_.version);
  }

  Result<void> stop() {
    if (auto stopped = control_.stop(seen_.version); !stopped) return stopped;
    state_.stopped = true;
    state_.probation.reset();
    return save();
  }

  Result<void> switch_over(const DesiredAgent& desired) {
    const Release* release = ready_release(seen_, desired);
    if (release == nullptr) return Error{cat(desired.version, " is no longer ready on the disk")};
    state_.probation = Probation{desired.version, fallback_version(seen_, desired.version), release->checksum, 0};
    state_.latch.reset();
    state_.stopped = false;
    if (auto saved = save(); !saved) return saved;

    const bool new_content = desired.version == seen_.version && seen_.has_control;
    if (release->staged && !new_content) {
      if (auto installed = install_staged(desired.version); !installed) return installed;
    }
    if (seen_.has_control) {
      if (auto stopped = control_.stop(seen_.version); !stopped)
        return stopped.error().within("the old version is left as it is");
    }
    if (auto committed = commit(desired.version, new_content); !committed) return committed;
    return begin_probation();
  }

  /// Starts the version in probation unless it is started, and sets the end of the probation.
  Result<void> begin_probation() {
    // If another version does not stop, that is no fault of the new release: no latch.
    if (auto stopped = stop_other_versions(state_.probation->version); !stopped) return stopped;
    if (auto started = control_.start(state_.probation->version); !started) {
      if (cancel_.stop_requested()) return started;
      return roll_back(started.error().message, true);
    }
    const BootTime now = boot_time();
    const int64_t length = settings_.probation.count() + 1;  // the current second is partly over
    state_.probation->until = now.wall + length;
    state_.probation->boot_id = now.boot_id;
    state_.probation->until_since_boot = now.seconds + length;
    return save();
  }

  /// Latches the release in probation and restores the previous version. After an interruption it can be called again.
  Result<void> roll_back(const std::string& why, bool start_previous) {
    const Probation probation = *state_.probation;
    if (!state_.latch || state_.latch->version != probation.version) {
      state_.latch = Latch{probation.version, probation.checksum, one_line(why, kMaxStatusSize), std::time(nullptr)};
      if (auto saved = save(); !saved) return saved;
      log::error(name_, " ", probation.version, " failed: ", why, "; ",
                 probation.previous.empty() ? std::string("no version to roll back to; stopping it")
                                            : "rolling back to " + probation.previous);
    }
    const Error failure{cat(probation.version, " failed and will not be tried again before its version or checksum changes: ",
                            state_.latch->error)};
    auto now = read_agent(layout_, name_);
    if (now && is_version_file_damaged(*now)) {
      // The started release damaged .version, which had named the version in probation.
      if (auto restored = commit(probation.version, false); !restored) return restored.error().within("cannot roll back");
      now = read_agent(layout_, name_);
    }
    if (!now) return now.error().within("cannot roll back");
    if (is_committed(probation, *now)) {
      if (auto stopped = stop_failed_version(probation.version); !stopped) return stopped.error().within("cannot roll back");
      if (auto undone = undo_commit(probation); !undone) return undone;
    }
    state_.probation.reset();
    if (auto saved = save(); !saved) return saved;
    if (probation.previous.empty() || !start_previous) return failure;
    if (auto stopped = stop_other_versions(probation.previous, probation.version); !stopped) {
      return stopped.error().within(failure.message);
    }
    if (auto started = control_.start(probation.previous); !started) return started.error().within(failure.message);
    log::info(name_, ": rolled back to ", probation.previous, ", which is started");
    return failure;
  }

  Result<void> pass_probation() {
    const Probation probation = *state_.probation;
    if (!probation.previous.empty() && probation.previous != probation.version) state_.previous = probation.previous;
    state_.latch.reset();
    state_.probation.reset();
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

  /// True if .version names neither the version in probation nor the previous one.
  bool is_version_file_damaged(const Observed& now) const {
    const Probation& probation = *state_.probation;
    return now.version != probation.version && (probation.previous.empty() || now.version != probation.previous);
  }

  /// Renames .staged-VERSION to VERSION. A folder that has this name already (of the Go updater, incomplete, or with older
  /// content) is removed first; if its agent is started, it is stopped before.
  Result<void> install_staged(const std::string& version) {
    const std::string folder = layout_.version(name_, version);
    if (exists(folder)) {
      if (auto stopped = control_.stop_if_started(version); !stopped) return stopped;
      if (auto removed = remove_release(folder); !removed) return removed;
    }
    if (::rename(layout_.staged(name_, version).c_str(), folder.c_str()) != 0) return system_error("create", folder);
    return sync_directory(layout_.agent(name_));
  }

  /// Makes `version` the current one. `new_content`: it is the current version already, and its staged content replaces it.
  Result<void> commit(const std::string& version, bool new_content) {
    if (new_content) return exchange_content(version);
    return put_file(layout_.version_file(name_), version + "\n", 0644);
  }

  Result<void> undo_commit(const Probation& probation) {
    if (probation.previous.empty()) return {};
    if (probation.previous == probation.version) return exchange_content(probation.version);
    return put_file(layout_.version_file(name_), probation.previous + "\n", 0644);
  }

  /// Exchanges the folders VERSION and .staged-VERSION in one step.
  Result<void> exchange_content(const std::string& version) {
    const std::string folder = layout_.version(name_, version);
    const std::string staged = layout_.staged(name_, version);
    if (::renameat2(AT_FDCWD, folder.c_str(), AT_FDCWD, staged.c_str(), RENAME_EXCHANGE) != 0) {
      return system_error("exchange the content of", folder);
    }
    return sync_directory(layout_.agent(name_));
  }

  /// Stops all versions but `version`, so that two versions never run at once. Skips `ended`, whose processes have ended,
  /// although its ./control may still print started.
  Result<void> stop_other_versions(const std::string& version, const std::string& ended = "") {
    const auto versions = other_versions(version);
    if (!versions) return versions.error().within(cat(version, " is not started"));
    for (const std::string& other : *versions) {
      if (other == ended) continue;
      if (auto stopped = control_.stop_if_started(other); !stopped)
        return stopped.error().within(cat(version, " is not started"));
    }
    return {};
  }

  /// Stops a version that failed its probation. If its ./control cannot stop it, ends its processes: a broken release must not
  /// block the rollback.
  Result<void> stop_failed_version(const std::string& version) {
    auto stopped = control_.stop(version);
    if (stopped || cancel_.stop_requested()) return stopped;
    log::warning(name_, ": ", stopped.error().message, "; ending its processes by signal");
    return end_processes_in(layout_.version(name_, version), cancel_) ? Result<void>() : stopped;
  }

  Result<std::vector<std::string>> other_versions(const std::string& version) const {
    std::vector<std::string> versions;
    std::error_code error;
    for (fs::directory_iterator entry(layout_.agent(name_), error), end; !error && entry != end; entry.increment(error)) {
      const std::string folder = entry->path().filename();
      if (is_valid_version(folder) && folder != version) versions.push_back(folder);
    }
    if (error) return system_error("list", layout_.agent(name_), error.value());
    return versions;
  }

  const Observed& seen_;
  const std::string& name_;
  const Layout& layout_;
  const SwitchSettings& settings_;
  const std::stop_token& cancel_;
  const VersionControl control_;
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
    case Action::resume_probation: return agent.begin_probation();
    case Action::roll_back: return agent.roll_back(decision.reason, desired == nullptr || desired->cmd != "stop");
    case Action::pass_probation: return agent.pass_probation();
    case Action::tidy: return agent.tidy();
  }
  return {};
}

}  // namespace ops::updater
