#include "updater/agent/switch.h"

#include <algorithm>
#include <ctime>
#include <utility>

#include "common/base/clock.h"
#include "common/base/file.h"
#include "common/base/log.h"
#include "updater/agent/observe.h"
#include "updater/agent/version_control.h"
#include "updater/model/soak.h"
#include "updater/release/install.h"
#include "updater/release/leftovers.h"
#include "updater/release/switch_files.h"

namespace ops::updater {

namespace {

constexpr char kOldVersionStays[] = "the old version is left as it is";

/// The reason why `version` is not started: another version does not stop.
Error not_started(const std::string& version, const Error& why) { return why.within(cat(version, " is not started")); }

/// The steps of each action for one agent.
class Switch {
 public:
  Switch(const Observed& seen, const Layout& layout, const SwitchSettings& settings, const std::stop_token& cancel)
      : seen_(seen),
        name_(seen.name),
        layout_(layout),
        settings_(settings),
        cancel_(cancel),
        versions_(layout, name_, settings, cancel),
        state_(seen.state) {}

  Result<void> start() {
    const bool noted = note_start(state_, seen_.version, boot_time());
    Result<void> saved;
    if (std::exchange(state_.stopped, false) || noted) saved = save();  // on a full disk, the agent is started nevertheless
    if (auto stopped = versions_.stop_others(seen_.version); !stopped) return not_started(seen_.version, stopped.error());
    auto started = versions_.start(seen_.version);
    return started ? saved : started;
  }

  Result<void> stop() {
    if (auto stopped = versions_.stop(seen_.version); !stopped) return stopped;
    state_.stopped = true;
    state_.soak.reset();
    return end_probation();
  }

  Result<void> switch_over(const DesiredAgent& desired) {
    const Release* release = ready_release(seen_, desired);
    if (release == nullptr) return Error{cat(desired.version, " is no longer ready on the disk")};
    const bool new_content = desired.version == seen_.version && seen_.has_control;
    auto possible = seen_.has_control ? check_commit(*release, new_content) : versions_.end_orphans(seen_.version);
    if (!possible) return possible;
    if (auto reserved = make_reserve(layout_, name_); !reserved) return reserved;
    state_.probation = Probation{desired.version, fallback_version(seen_, desired.version), release->checksum};
    state_.probation->starts = 1;
    state_.probation->soak = settings_.soak.count();
    state_.soak.reset();
    state_.latch.reset();
    state_.stopped = false;
    if (auto saved = save(); !saved) return saved;

    if (release->staged && !new_content) {
      if (auto installed = install_staged(desired.version); !installed) return installed;
    }
    if (seen_.has_control) {
      if (auto stopped = versions_.stop(seen_.version); !stopped) return abandon(stopped.error().within(kOldVersionStays));
    }
    if (auto committed = commit(desired.version, new_content); !committed) return abandon(committed.error());
    return begin_probation();
  }

  /// Continues a switch that was interrupted after its commit.
  Result<void> resume_probation() {
    if (seen_.status != Status::started) {
      ++state_.probation->starts;
      if (auto saved = save(); !saved) return abandon(saved.error());
    }
    return begin_probation();
  }

  /// Starts the version in probation unless it is started, and sets the end of the probation.
  Result<void> begin_probation() {
    // If another version does not stop, that is no fault of the new release: no latch.
    const std::string& version = state_.probation->version;
    if (auto stopped = versions_.stop_others(version); !stopped) return abandon(not_started(version, stopped.error()));
    if (auto started = versions_.start(state_.probation->version); !started) {
      if (cancel_.stop_requested()) return started;
      return roll_back(started.error().message, true);
    }
    set_end_of_probation();
    return save();
  }

  /// Replaces the latch of the current release, which runs, by a probation.
  Result<void> watch_again() {
    state_.probation = Probation{seen_.version, "", seen_.checksum};
    state_.soak.reset();
    state_.latch.reset();
    set_end_of_probation();
    return save();
  }

  /// Latches the release in probation or soak and restores the previous version. After an interruption it can be called again.
  /// If the host fails to record a step, as on a full disk, the previous version is started nevertheless, and the error names
  /// the step: call it again.
  Result<void> roll_back(const std::string& why, bool start_previous) {
    if (state_.soak && !state_.probation) state_.probation = probation_of(*std::exchange(state_.soak, std::nullopt));
    const Probation probation = *state_.probation;
    const auto recorded = latch(probation, why);
    const Error failure{cat(probation.version, " failed and will not be tried again before its version or checksum changes: ",
                            state_.latch->error)};
    auto now = read_agent(layout_, name_);
    if (now && is_version_file_damaged(*now)) {
      // The started release damaged .version, which had named the version in probation.
      const auto restored = insist([&] { return put_version(layout_, name_, probation.version); });
      if (!restored) return restored.error().within("cannot roll back");
      now = read_agent(layout_, name_);
    }
    if (!now) return now.error().within("cannot roll back");
    const bool is_current = is_committed(probation, *now);
    const auto stopped = is_current ? versions_.stop_failed(probation.version) : Result<void>();
    if (!recorded) (void)insist([&] { return save(); });  // the stopped release takes no more space
    if (!stopped) return stopped.error().within("cannot roll back");
    auto undone = is_current ? insist([&] { return undo_commit(probation); }) : Result<void>();
    if (!undone && probation.previous == probation.version) return undone.error().within("cannot roll back");
    if (undone) undone = insist([&] { return end_probation(); });
    auto restarted = start_previous ? restart(probation) : Result<void>();
    if (!restarted) return restarted.error().within(failure.message);
    return undone ? failure : undone.error().within(failure.message);
  }

  Result<void> pass_probation() {
    const Probation probation = *state_.probation;
    if (!probation.previous.empty() && probation.previous != probation.version) state_.previous = probation.previous;
    state_.latch.reset();
    if (!probation.previous.empty() && probation.soak > 0) state_.soak = soak_after(probation, boot_time());
    return end_probation();
  }

  Result<void> end_soak() {
    state_.soak.reset();
    return insist([&] { return end_probation(); });
  }

 private:
  Result<void> save() { return write_state(layout_.state_file(name_), state_); }

  /// The current second is partly over.
  void set_end_of_probation() { set_end(*state_.probation, settings_.probation.count() + 1, boot_time()); }

  /// Saves the state without a probation. A soak keeps the reserve.
  Result<void> end_probation() {
    state_.probation.reset();
    auto saved = save();
    if (saved && !state_.soak) drop_reserve(layout_, name_);
    return saved;
  }

  /// Carries out a write of a rollback. If it fails, gives the reserve up and tries again.
  template <typename Write>
  Result<void> insist(const Write& write) {
    auto written = write();
    return written || !drop_reserve(layout_, name_) ? written : write();
  }

  /// Notes that the release in probation failed, unless this is noted already.
  Result<void> latch(const Probation& probation, const std::string& why) {
    if (state_.latch && state_.latch->version == probation.version && state_.latch->checksum == probation.checksum) return {};
    const bool is_first = probation.previous.empty();
    const std::string folder = is_first ? layout_.version(name_, probation.version) : layout_.failed(name_, probation.version);
    const std::string where = cat("; its files are in ", folder);
    const size_t room = kMaxStatusSize - std::min(kMaxStatusSize / 2, where.size() + 3);  // one_line() adds "…"
    state_.latch = Latch{probation.version, probation.checksum, one_line(why, room) + where, std::time(nullptr)};
    log::error(name_, " ", probation.version, " failed: ", why, where, "; ",
               is_first ? "no version to roll back to; stopping it" : "rolling back to " + probation.previous);
    return save();
  }

  /// Starts the previous version of a probation, after the release in probation was stopped.
  Result<void> restart(const Probation& probation) {
    if (probation.previous.empty()) return {};
    if (auto stopped = versions_.stop_others(probation.previous, probation.version); !stopped)
      return not_started(probation.previous, stopped.error());
    auto started = versions_.start(probation.previous);
    if (started) log::info(name_, ": rolled back to ", probation.previous, ", which is started");
    return started;
  }

  /// What can fail after the stop of the old version is tried or checked before it. Latches a release that this file system
  /// cannot switch to.
  Result<void> check_commit(const Release& release, bool new_content) {
    if (auto stopped = versions_.stop_others(seen_.version); !stopped) return stopped.error().within(kOldVersionStays);
    if (!new_content) {
      auto written = put_version(layout_, name_, seen_.version);
      return written ? written : written.error().within(kOldVersionStays);
    }
    const auto possible = can_exchange_content(layout_, name_, release.version);
    if (!possible) return possible.error().within(kOldVersionStays);
    if (*possible) return {};
    const Error refusal{cat(release.version, " has new content, and the file system of ", layout_.agent(name_),
                            " cannot exchange it with the old content in one step: publish it under another version")};
    state_.latch = Latch{release.version, release.checksum, one_line(refusal.message, kMaxStatusSize), std::time(nullptr)};
    if (auto saved = save(); !saved) return saved;
    return refusal;
  }

  /// Ends a switch that failed without a fault of the new release, which was not started: restores what was before it, and
  /// starts the old version again. Returns an error that begins with `why`. If the updater is to stop, the next one continues.
  Result<void> abandon(const Error& why) {
    const Probation probation = *state_.probation;
    const auto now = read_agent(layout_, name_);
    if (!now || cancel_.stop_requested()) return why;
    const bool committed = is_committed(probation, *now);
    const std::string& old = committed ? probation.previous : seen_.version;
    if (old.empty() || (!committed && seen_.status == Status::stopped)) return why;
    Error failure = why;
    if (auto undone = committed ? undo_commit(probation) : Result<void>(); !undone) {
      failure.message += cat("; ", undone.error().message);
      if (old == probation.version) return failure;
    } else {
      state_ = seen_.state;
      auto saved = committed ? end_probation() : save();
      if (!saved) failure.message += cat("; ", saved.error().message);
    }
    auto started = versions_.stop_others(old);
    if (started) started = versions_.start(old);
    failure.message += started ? cat("; ", old, " is started") : cat("; ", started.error().message);
    return failure;
  }

  /// True if .version names neither the version in probation nor the previous one.
  bool is_version_file_damaged(const Observed& now) const {
    const Probation& probation = *state_.probation;
    return now.version != probation.version && (probation.previous.empty() || now.version != probation.previous);
  }

  /// Renames .staged-VERSION to VERSION. A folder that has this name already (of the Go updater, incomplete, or with older
  /// content) is removed first; if its agent is started, it is stopped before.
  Result<void> install_staged(const std::string& version) {
    if (auto stopped = versions_.stop_if_started(version); !stopped) return stopped;
    if (auto removed = remove_release(layout_.version(name_, version)); !removed) return removed;
    return put_staged(layout_, name_, version);
  }

  /// Makes `version` the current one. `new_content`: it is the current version already, and its staged content replaces it.
  Result<void> commit(const std::string& version, bool new_content) {
    return new_content ? exchange_content(layout_, name_, version) : put_version(layout_, name_, version);
  }

  Result<void> undo_commit(const Probation& probation) {
    if (probation.previous.empty()) return {};
    if (probation.previous == probation.version) return exchange_content(layout_, name_, probation.version);
    return put_version(layout_, name_, probation.previous);
  }

  const Observed& seen_;
  const std::string& name_;
  const Layout& layout_;
  const SwitchSettings& settings_;
  const std::stop_token& cancel_;
  const VersionControl versions_;
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
    case Action::resume_probation: return agent.resume_probation();
    case Action::roll_back: return agent.roll_back(decision.reason, desired == nullptr || desired->cmd != "stop");
    case Action::begin_probation: return agent.watch_again();
    case Action::pass_probation: return agent.pass_probation();
    case Action::end_soak: return agent.end_soak();
    case Action::tidy: return remove_leftovers(layout, seen, settings.keep_versions);
  }
  return {};
}

}  // namespace ops::updater
