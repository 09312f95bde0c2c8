#include "meta/reports/rollout_reporter.h"

#include "common/base/clock.h"
#include "common/base/log.h"

namespace ops::meta {

namespace {

constexpr std::chrono::minutes kLogPause{10};
constexpr std::chrono::minutes kCheckPause{1};
constexpr std::chrono::minutes kRateWindow{5};
constexpr uint32_t kLoggedShare = 20;  // a rollout is logged once a twentieth of its hosts, or more, are still to go

/// In the order of the config, the versions of an agent sorted.
template <typename Visit>
void visit_releases(const Config& config, const Visit& visit) {
  for (const AgentConfig& agent : config.agents) {
    for (const std::string& version : versions_of(agent)) visit(agent, version);
  }
}

}  // namespace

void RolloutReporter::tick(TimePoint now) {
  const auto assignments = current_();
  sample_rates(*assignments, now);
  note_dropped(*assignments->config());
  const bool is_open = !controller_.history().open().empty();
  if (progress_.empty() && !is_open && !is_any_inflight(*assignments, now)) return;
  const bool is_log_due = now - checked_at_ >= kCheckPause || now < checked_at_;
  if (!is_log_due && (!is_open || hosts_.size() > kSmall)) return;
  const FleetSummary current = summary(now);
  note_ends(current);
  if (!is_log_due) return;
  checked_at_ = now;
  log_progress(current);
}

/// Ends the rollouts of releases that the config no longer names.
void RolloutReporter::note_dropped(const Config& config) const {
  for (const auto& [agent, key] : controller_.history().open()) {
    const AgentConfig* named = find_agent(config, agent);
    const std::string version(split_content(key).first);
    if (named == nullptr || !versions_of(*named).contains(version)) {
      controller_.history().end({agent, key}, "cfg.json no longer names the release");
    } else if (const std::string now = release_key(*named, version); now != key && now != version) {
      controller_.history().end({agent, key}, "cfg.json names other content of the version");
    }
  }
}

void RolloutReporter::note_ends(const FleetSummary& summary) const {
  if (controller_.is_warming_up()) return;  // most hosts are unknown
  for (const auto& [agent, key] : controller_.history().open()) {
    for (const ReleaseSummary& release : summary.releases) {
      if (release.agent != agent || release.version != split_content(key).first) continue;
      if (release.to_go() == 0 && !release.state.is_halted) controller_.history().end({agent, key}, "it " + to_text(release));
    }
  }
}

FleetSummary RolloutReporter::summary(TimePoint now) {
  std::shared_ptr<const FleetScan> scan;
  while (!scan) scan = continue_scan(now);
  return summary_of(std::move(scan), now);
}

/// Drops the rates of releases that the config no longer has.
void RolloutReporter::sample_rates(const Assignments& assignments, TimePoint now) {
  const std::lock_guard lock(mutex_);
  heartbeat_rate_.note(heartbeats_.counts().total, now);
  std::map<Release, RateEstimator> rates;
  visit_releases(*assignments.config(), [&](const AgentConfig& agent, const std::string& version) {
    const Release release{agent.defaults.name, version};
    const auto known = running_rates_.find(release);
    RateEstimator& rate =
        rates.emplace(release, known == running_rates_.end() ? RateEstimator(kRateWindow) : known->second).first->second;
    rate.note(hosts_.reports(release.first, release_key(agent, version)).running, now);
  });
  running_rates_ = std::move(rates);
}

/// Returns the scan if it is fresh; else makes one step of a new scan, and returns null until that is complete.
std::shared_ptr<const FleetScan> RolloutReporter::continue_scan(TimePoint asked_at) {
  const std::lock_guard lock(scan_mutex_);
  if (const auto assignments = current_(); assignments_ != assignments) {
    assignments_ = assignments;
    scanner_.reset();
    scan_.reset();
  }
  if (is_fresh(asked_at)) return scan_;
  const auto begin = std::chrono::steady_clock::now();
  if (!scanner_) {
    scanner_ = std::make_unique<FleetScanner>(hosts_, controller_.leases(), assignments_, asked_at);
    scan_time_ = {};
  }
  const bool more = scanner_->step();
  scan_time_ += std::chrono::steady_clock::now() - begin;
  if (more) return nullptr;
  scan_ = std::make_shared<const FleetScan>(scanner_->result());
  scanner_.reset();
  return scan_;
}

bool RolloutReporter::is_fresh(TimePoint asked_at) const {
  if (!scan_ || scanner_) return false;
  const auto age = asked_at - scan_->taken_at;  // negative after the clock was set back
  return age <= std::min<std::chrono::nanoseconds>(kFreshFactor * scan_time_, kMaxFresh) && age >= -kMaxFresh;
}

bool RolloutReporter::is_any_inflight(const Assignments& assignments, TimePoint now) const {
  bool is_any = false;
  visit_releases(*assignments.config(), [&](const AgentConfig& agent, const std::string& version) {
    is_any =
        is_any || controller_.state(agent.defaults.name, release_key(agent, version), agent.rollout, now).leases.inflight > 0;
  });
  return is_any;
}

FleetSummary RolloutReporter::summary_of(std::shared_ptr<const FleetScan> scan, TimePoint now) const {
  FleetSummary summary{
      now, hosts_.size(), heartbeats_.counts().total, 0, refused_.recent(now), changes_.recent(now), std::move(scan), {}};
  const std::lock_guard lock(mutex_);
  summary.heartbeats_per_second = heartbeat_rate_.per_second(summary.heartbeats, now);
  visit_releases(*summary.scan->assignments->config(), [&](const AgentConfig& agent, const std::string& version) {
    const std::string& name = agent.defaults.name;
    ReleaseSummary release{name,
                           version,
                           controller_.state(name, release_key(agent, version), agent.rollout, now),
                           summary.scan->of(name, version),
                           "",
                           0};
    release.why_halted = why_halted(release.state, agent.rollout);
    const RolloutSituation situation{agent, version, release.state, &release.scan};
    release.standstill = standstill_of(situation, controller_);
    release.slots = std::min(agent.rollout.parallel, max_on_the_way(release.state.reports, release.state.failed()));
    release.soak = soak_of(agent.rollout.soak, std::chrono::seconds(hosts_.longest_interval()));
    const auto oldest = controller_.leases().holders(name, release_key(agent, version), 1);
    release.has_fresh_lease = oldest.empty() || now - oldest.front().second < kRateWindow;
    release.waits = why_it_waits(situation, controller_, hosts_, now);
    if (const auto rate = running_rates_.find({name, version}); rate != running_rates_.end()) {
      release.per_minute = 60 * rate->second.per_second(release.state.reports.running, now);
      release.measured = rate->second.measured(now);
    }
    summary.releases.push_back(std::move(release));
  });
  return summary;
}

BodyStream RolloutReporter::stream(Write write) {
  return [this, write = std::move(write), asked_at = steady_now()](std::string& to) {
    auto scan = continue_scan(asked_at);
    if (!scan) return true;
    to += write(summary_of(std::move(scan), steady_now()));
    return false;
  };
}

void RolloutReporter::log_progress(const FleetSummary& summary) {
  std::map<Release, Progress> progress;
  for (const ReleaseSummary& release : summary.releases) {
    const auto known = progress_.find({release.agent, release.version});
    const bool is_large = uint64_t{release.to_go()} * kLoggedShare >= release.scan.assigned && release.to_go() > 0;
    if (known == progress_.end() && !is_large) continue;
    Progress of_release = known == progress_.end() ? Progress{summary.now, summary.now, {}} : known->second;
    const std::string name = cat(release.agent, " ", release.version);
    if (release.to_go() == 0) {
      const auto time = std::chrono::duration_cast<std::chrono::seconds>(summary.now - of_release.began);
      log::info(name, " is done after ", rough(time), ": it ", to_text(release));
      continue;
    }
    if (release.standstill != of_release.standstill && !release.waits.empty()) log::info(name, " waits: ", release.waits);
    of_release.standstill = release.standstill;
    if (summary.now - of_release.logged_at >= kLogPause) {
      log::info(name, " ", to_text(release), release.state.is_halted ? cat("; halted: ", release.why_halted) : "");
      of_release.logged_at = summary.now;
    }
    progress.emplace(Release{release.agent, release.version}, of_release);
  }
  progress_ = std::move(progress);
}

}  // namespace ops::meta
