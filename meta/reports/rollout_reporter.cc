#include "meta/reports/rollout_reporter.h"

#include "common/base/log.h"

namespace ops::meta {

namespace {

constexpr auto kStoryPause = std::chrono::minutes(10);
constexpr auto kStoryCheck = std::chrono::minutes(1);
constexpr std::chrono::minutes kPaceWindow{5};
constexpr uint32_t kStoryShare = 20;  // a rollout is told of when one host in so many, or more, are to go

/// The config's releases, in its order: an agent's default version, and those of its overrides, sorted.
template <typename Use>
void visit_releases(const Config& config, const Use& use) {
  for (const AgentConfig& agent : config.agents) {
    for (const std::string& version : versions_of(agent)) use(agent, version);
  }
}

}  // namespace

void RolloutReporter::tick(TimePoint now) {
  const auto desired = desired_();
  note_paces(*desired, now);
  if (stories_.empty() && !is_any_under_way(*desired, now)) return;
  if (now - told_at_ < kStoryCheck && now >= told_at_) return;
  told_at_ = now;
  tell_stories(look(now));
}

FleetSummary RolloutReporter::look(TimePoint now) {
  std::shared_ptr<const FleetScan> scan;
  while (!scan) scan = go_on(now);
  return summary(std::move(scan), now);
}

void RolloutReporter::note_paces(const Assignments& desired, TimePoint now) {
  const std::lock_guard lock(mutex_);
  pace_.note(heartbeats_.counts().total, now);
  std::map<Release, RateEstimator> paces;  // without those that left the config
  visit_releases(*desired.config(), [&](const AgentConfig& agent, const std::string& version) {
    const Release release{agent.defaults.name, version};
    const auto known = paces_.find(release);
    RateEstimator& pace =
        paces.emplace(release, known == paces_.end() ? RateEstimator(kPaceWindow) : known->second).first->second;
    pace.note(hosts_.reports(release.first, version).running, now);
  });
  paces_ = std::move(paces);
}

/// The census, when one is fresh; else goes on with taking one, and returns null.
std::shared_ptr<const FleetScan> RolloutReporter::go_on(TimePoint asked_at) {
  const std::lock_guard lock(census_mutex_);
  if (const auto desired = desired_(); taken_for_ != desired) {
    taken_for_ = desired;
    taker_.reset();
    scan_.reset();
  }
  if (is_fresh(asked_at)) return scan_;
  const auto begin = std::chrono::steady_clock::now();
  if (!taker_) {
    taker_ = std::make_unique<FleetScanner>(hosts_, controller_.leases(), taken_for_, asked_at);
    effort_ = {};
  }
  const bool more = taker_->step();
  effort_ += std::chrono::steady_clock::now() - begin;
  if (more) return nullptr;
  scan_ = std::make_shared<const FleetScan>(taker_->result());
  taker_.reset();
  return scan_;
}

bool RolloutReporter::is_fresh(TimePoint asked_at) const {
  if (!scan_ || taker_) return false;
  const auto age = asked_at - scan_->taken_at;
  return age <= std::min<std::chrono::nanoseconds>(kRest * effort_, kFresh) && age >= -kFresh;  // the clock may be set back
}

bool RolloutReporter::is_any_under_way(const Assignments& desired, TimePoint now) const {
  bool is_any = false;
  visit_releases(*desired.config(), [&](const AgentConfig& agent, const std::string& version) {
    is_any = is_any || controller_.state(agent.defaults.name, version, agent.rollout, now).leases.inflight > 0;
  });
  return is_any;
}

FleetSummary RolloutReporter::summary(std::shared_ptr<const FleetScan> scan, TimePoint now) const {
  FleetSummary summary{now, hosts_.size(), heartbeats_.counts().total, 0, refused_.recent(now), std::move(scan), {}};
  const std::lock_guard lock(mutex_);
  summary.heartbeats_per_second = pace_.per_second(summary.heartbeats, now);
  visit_releases(*summary.scan->desired->config(), [&](const AgentConfig& agent, const std::string& version) {
    const std::string& name = agent.defaults.name;
    ReleaseSummary release{name, version, controller_.state(name, version, agent.rollout, now), summary.scan->of(name, version),
                           "",   0};
    release.why_halted = why_halted(release.state, agent.rollout);
    if (const auto pace = paces_.find({name, version}); pace != paces_.end()) {
      release.per_minute = 60 * pace->second.per_second(release.state.reports.running, now);
    }
    summary.releases.push_back(std::move(release));
  });
  return summary;
}

BodyStream RolloutReporter::stream(Write write) {
  return [this, write = std::move(write), asked_at = std::chrono::system_clock::now()](std::string& to) {
    auto scan = go_on(asked_at);
    if (!scan) return true;
    to += write(summary(std::move(scan), std::chrono::system_clock::now()));
    return false;
  };
}

void RolloutReporter::tell_stories(const FleetSummary& summary) {
  std::map<Release, Story> stories;
  for (const ReleaseSummary& release : summary.releases) {
    const auto known = stories_.find({release.agent, release.version});
    const bool is_large = uint64_t{release.to_go()} * kStoryShare >= release.scan.desired && release.to_go() > 0;
    if (known == stories_.end() && !is_large) continue;
    Story story = known == stories_.end() ? Story{summary.now, summary.now} : known->second;
    const std::string name = cat(release.agent, " ", release.version);
    if (release.to_go() == 0) {
      const auto time = std::chrono::duration_cast<std::chrono::seconds>(summary.now - story.begun);
      log::info(name, " is done after ", rough(time), ": it ", to_text(release));
      continue;
    }
    if (summary.now - story.told >= kStoryPause) {
      log::info(name, " ", to_text(release), release.state.is_halted ? cat("; halted: ", release.why_halted) : "");
      story.told = summary.now;
    }
    stories.emplace(Release{release.agent, release.version}, story);
  }
  stories_ = std::move(stories);
}

}  // namespace ops::meta
