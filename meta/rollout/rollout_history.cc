#include "meta/rollout/rollout_history.h"

#include "common/base/number_text.h"
#include "common/base/text.h"

namespace ops::meta {

namespace {

constexpr size_t kMaxError = 500;  // bytes

std::string name_of(const RolloutHistory::Release& release) { return cat(release.first, " ", release.second); }

}  // namespace

void RolloutHistory::restore() {
  if (events_ == nullptr) return;
  for (const auto& event : events_->all()) {
    if (event->kind == EventKind::reload && !event->agent.empty()) forget_ended();
    const std::lock_guard lock(mutex_);
    switch (event->kind) {
      case EventKind::begin:
      case EventKind::halt:
      case EventKind::resume:
      case EventKind::end: state_of({event->agent, event->version}).last = event->kind; break;
      case EventKind::failure: state_of({event->agent, event->version}).failed.insert(event->host); break;
      default: break;
    }
  }
}

/// The caller holds mutex_.
RolloutHistory::State& RolloutHistory::state_of(const Release& release) {
  if (releases_.size() > kMaxReleases) releases_.clear();
  return releases_[release];
}

void RolloutHistory::go(const Release& release, const std::string& host, uint32_t running) {
  if (events_ == nullptr) return;
  const std::lock_guard lock(mutex_);
  State& state = state_of(release);
  const bool was_halted = state.last == EventKind::halt;
  if (state.last && !was_halted) return;
  state.last = was_halted ? EventKind::resume : EventKind::begin;
  events_->add({*state.last, release.first, release.second, host, "",
                cat(name_of(release), was_halted ? ": the rollout continues with " : ": the rollout begins with ", host, "; ",
                    counted(running, "host"), running == 1 ? " runs it" : " run it")});
}

void RolloutHistory::halt(const Release& release, const std::string& why) {
  if (events_ == nullptr) return;
  const std::lock_guard lock(mutex_);
  State& state = state_of(release);
  if (state.last == EventKind::halt) return;
  state.last = EventKind::halt;
  events_->add({EventKind::halt, release.first, release.second, "", "", cat(name_of(release), " is halted: ", why)});
}

void RolloutHistory::end(const Release& release, const std::string& how) {
  if (events_ == nullptr) return;
  const std::lock_guard lock(mutex_);
  State& state = state_of(release);
  if (!state.last || state.last == EventKind::end) return;
  state.last = EventKind::end;
  events_->add({EventKind::end, release.first, release.second, "", "", cat(name_of(release), ": the rollout ends: ", how)});
}

void RolloutHistory::fail(const Release& release, const std::string& host, const std::string& phase, const std::string& error) {
  if (events_ == nullptr) return;
  const std::lock_guard lock(mutex_);
  std::set<std::string>& failed = state_of(release).failed;
  if (failed.size() >= kMaxFailures || !failed.insert(host).second) return;
  events_->add({EventKind::failure, release.first, release.second, host, "",
                cat(name_of(release), " is ", phase, " on ", host, error.empty() ? "" : ": ", one_line(error, kMaxError))});
}

void RolloutHistory::forget_ended() {
  const std::lock_guard lock(mutex_);
  std::erase_if(releases_, [](const auto& release) { return release.second.last == EventKind::end; });
}

std::vector<RolloutHistory::Release> RolloutHistory::open() const {
  std::vector<Release> open;
  const std::lock_guard lock(mutex_);
  for (const auto& [release, state] : releases_) {
    if (state.last && state.last != EventKind::end) open.push_back(release);
  }
  return open;
}

}  // namespace ops::meta
