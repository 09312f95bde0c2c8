#include "meta/rollout/rollout_watch.h"

#include <algorithm>

namespace ops::meta {

namespace {

constexpr size_t kSmallTable = 20'000;          // hosts; a survey takes 2 ms
constexpr std::chrono::minutes kLongestGap{1};  // between two calls; tick() comes every 10 s
constexpr std::chrono::hours kQuiet{1};         // the end of a rollout
constexpr int kQuietIntervals = 12;

/// Valid until the thread's next call: this runs for each heartbeat of a host that waits.
std::string_view key_of(std::string_view agent, std::string_view version) {
  thread_local std::string key;
  return key.assign(agent).append(1, ' ').append(version);
}

}  // namespace

void RolloutWatch::ask(std::string_view agent, std::string_view version, const RolloutLimits& limits, TimePoint now) {
  {
    const std::lock_guard lock(mutex_);
    listen(now);
    auto found = rollouts_.find(key_of(agent, version));
    if (found == rollouts_.end()) {
      found = rollouts_.try_emplace(std::string(key_of(agent, version))).first;
      // A host that another ops-meta told to change, or this one before a crash, belongs to the rollout.
      found->second = {std::string(agent), std::string(version), now - kQuiet, now};
      count_ = rollouts_.size();
      surveyed_at_ = {};
    }
    found->second.asked_at = now;
    found->second.soak = limits.soak;
    if (now - surveyed_at_ < pause() && now >= surveyed_at_) return;
  }
  if (hosts_.size() <= kSmallTable) survey(now);
}

void RolloutWatch::tick(TimePoint now) {
  {
    const std::lock_guard lock(mutex_);
    listen(now);
    if (rollouts_.empty() || (now - surveyed_at_ < pause() && now >= surveyed_at_)) return;
  }
  survey(now);
}

bool RolloutWatch::is_watching(std::string_view agent) const {
  if (count_ == 0) return false;
  const std::lock_guard lock(mutex_);
  const auto found = rollouts_.lower_bound(key_of(agent, ""));
  return found != rollouts_.end() && found->second.agent == agent;
}

RolloutWatch::Rollout RolloutWatch::find(std::string_view agent, std::string_view version) const {
  if (count_ == 0) return {};
  const std::lock_guard lock(mutex_);
  const auto found = rollouts_.find(key_of(agent, version));
  return found == rollouts_.end() ? Rollout() : found->second;
}

std::vector<RolloutWatch::Rollout> RolloutWatch::all() const {
  const std::lock_guard lock(mutex_);
  std::vector<Rollout> all;
  for (const auto& [release, rollout] : rollouts_) all.push_back(rollout);
  return all;
}

void RolloutWatch::restore(std::vector<Rollout> rollouts) {
  const std::lock_guard lock(mutex_);
  for (Rollout& rollout : rollouts) rollouts_[std::string(key_of(rollout.agent, rollout.version))] = std::move(rollout);
  count_ = rollouts_.size();
}

std::chrono::nanoseconds RolloutWatch::pause() const {
  const std::chrono::nanoseconds by_size = std::chrono::microseconds(10) * hosts_.size();
  const uint32_t interval = hosts_.longest_interval();
  const std::chrono::nanoseconds by_interval = std::chrono::milliseconds(interval == 0 ? 10'000 : interval * 1000ull / 30);
  return std::min<std::chrono::nanoseconds>(std::max(by_size, by_interval), std::chrono::seconds(10));
}

void RolloutWatch::listen(TimePoint now) {
  if (now - seen_at_ > kLongestGap || now + kLongestGap < seen_at_) listening_ = now;
  seen_at_ = now;
}

void RolloutWatch::survey(TimePoint now) {
  const std::unique_lock surveying(survey_mutex_, std::try_to_lock);
  if (!surveying) return;  // another thread makes one
  const auto quiet = std::max<std::chrono::seconds>(kQuiet, std::chrono::seconds(kQuietIntervals * hosts_.longest_interval()));
  std::vector<SurveyedRelease> releases;
  TimePoint listening;
  {
    const std::lock_guard lock(mutex_);
    std::erase_if(rollouts_, [&](const auto& entry) { return now - entry.second.asked_at > quiet; });
    count_ = rollouts_.size();
    for (const auto& [release, rollout] : rollouts_) {
      releases.push_back({rollout.agent, rollout.version, rollout.began, rollout.soak});
    }
    surveyed_at_ = now;
    listening = listening_;
  }
  const std::vector<Survey> surveys = hosts_.survey(releases, now, listening);
  const std::lock_guard lock(mutex_);
  for (size_t i = 0; i < releases.size(); ++i) {
    const auto found = rollouts_.find(key_of(releases[i].agent, releases[i].version));
    if (found == rollouts_.end()) continue;
    if (!found->second.is_surveyed) found->second.before = surveys[i].others;
    found->second.is_surveyed = true;
    found->second.survey = surveys[i];
  }
}

}  // namespace ops::meta
