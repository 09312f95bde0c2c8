#include "meta/reports/fleet_scan.h"

#include <algorithm>

#include "common/protocol/phase.h"
#include "meta/rollout/controller.h"

namespace ops::meta {

namespace {

constexpr std::chrono::seconds kDefaultInterval{300};
constexpr size_t kMaxErrorSize = 300;  // bytes

}  // namespace

void HostsOf::add(std::string_view host) {
  if (++count <= kMaxExamples) examples.emplace_back(host);
}

const ReleaseScan& FleetScan::of(std::string_view agent, std::string_view version) const {
  static const ReleaseScan kNone;
  const auto versions = agents.find(agent);
  if (versions == agents.end()) return kNone;
  const auto release = versions->second.find(version);
  return release == versions->second.end() ? kNone : release->second;
}

bool is_silent(const HostView& host, const Config& config, std::chrono::system_clock::time_point now) {
  std::chrono::seconds interval(host.interval());
  if (interval.count() == 0) interval = config.interval.count() > 0 ? config.interval : kDefaultInterval;
  return host.heard_at() < now - 3 * interval;
}

size_t count_silent(const HostTable& hosts, const Config& config, std::chrono::system_clock::time_point now) {
  size_t silent = 0;
  HostWalk walk(hosts, 1);
  while (walk.step([&](const HostView& host) { silent += is_silent(host, config, now) ? 1 : 0; })) {
  }
  return silent;
}

FleetScanner::FleetScanner(const HostTable& hosts, const Leases& leases, std::shared_ptr<const Assignments> assignments,
                           TimePoint now)
    : leases_(leases),
      assignments_(std::move(assignments)),
      agents_(assignments_->config()->agents.size()),
      walk_(hosts, agents_.size()) {
  scan_.assignments = assignments_;
  scan_.taken_at = now;
}

bool FleetScanner::step() {
  return walk_.step([this](const HostView& host) { scan(host); });
}

void FleetScanner::scan(const HostView& host) {
  if (scan_.oldest_host.empty() || host.heard_at() < scan_.oldest_heard_at) {
    scan_.oldest_host = host.name();
    scan_.oldest_heard_at = host.heard_at();
  }
  const bool is_silent = meta::is_silent(host, *assignments_->config(), scan_.taken_at);
  if (is_silent) scan_.silent.add(host.name());
  if (host.is_duplicate()) return;  // takes part in no rollout
  assignments_->visit(host.name(), [&](size_t agent, const DesiredAgent& desired) {
    if (desired.cmd == "start") scan(host, is_silent, desired, agents_[agent]);
  });
}

void FleetScanner::scan(const HostView& host, bool is_silent, const DesiredAgent& desired, Agent& agent) {
  auto found = agent.versions.find(desired.version);
  if (found == agent.versions.end()) found = agent.versions.try_emplace(desired.version).first;
  auto& [release, errors] = found->second;
  ++release.assigned;
  const auto real = host.agent(desired.name);
  const auto update = host.update(desired.name);
  if (update && to_phase(update->phase) == Phase::held) {
    ++release.held;
    return;
  }
  const bool is_updating = update && update->version == desired.version;
  if (is_updating && !update->entry.error.empty()) {
    const std::string text = one_line(update->entry.error, kMaxErrorSize);
    std::string form = error_form(text);
    if (errors.size() >= kMaxErrorTexts && !errors.contains(form)) form.clear();
    auto& [first_text, by] = errors[form];
    if (first_text.empty()) first_text = form.empty() ? kOtherErrors : text;
    by.add(host.name());
  }
  if (real && has_release(desired, real->version, real->md5)) {
    const Stage stage = host.health(desired.name).stage;
    if (is_late_trouble(stage)) release.late[static_cast<size_t>(to_trouble(stage))].add(host.name());
    return;
  }
  if (is_updating && has_failed(to_phase(update->phase))) return;
  if (leases_.find(desired.name, host.name())) return;
  ++(is_silent ? release.absent : release.waiting);
}

FleetScan FleetScanner::result() {
  for (size_t i = 0; i < agents_.size(); ++i) {
    auto& versions = scan_.agents[assignments_->config()->agents[i].defaults.name];
    for (auto& [version, found] : agents_[i].versions) {
      auto& [release, errors] = found;
      for (auto& [form, error] : errors) release.errors.push_back(std::move(error));
      std::stable_sort(release.errors.begin(), release.errors.end(),
                       [](const auto& a, const auto& b) { return a.second.count > b.second.count; });
      versions.emplace(version, std::move(release));
    }
  }
  return std::move(scan_);
}

}  // namespace ops::meta
