#include "meta/reports/fleet_scan.h"

#include <algorithm>
#include <cctype>

namespace ops::meta {

namespace {

constexpr std::chrono::seconds kUsualInterval{300};
constexpr size_t kMaxErrorSize = 300;  // bytes

std::string without_numbers(std::string_view text) {
  std::string form;
  for (const char c : text) {
    const bool is_digit = std::isdigit(static_cast<unsigned char>(c)) != 0;
    if (!is_digit) form += c;
    if (is_digit && !form.ends_with('0')) form += '0';
  }
  return form;
}

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

std::chrono::seconds silent_after(const Config& config) {
  return 3 * (config.interval.count() > 0 ? config.interval : kUsualInterval);
}

FleetScanner::FleetScanner(const HostTable& hosts, const Leases& leases, std::shared_ptr<const Assignments> desired,
                           TimePoint now)
    : leases_(leases),
      desired_(std::move(desired)),
      silent_before_(now - silent_after(*desired_->config())),
      agents_(desired_->config()->agents.size()),
      walk_(hosts, agents_.size()) {
  scan_.desired = desired_;
  scan_.taken_at = now;
}

bool FleetScanner::step() {
  return walk_.step([this](const HostView& host) { look_at(host); });
}

void FleetScanner::look_at(const HostView& host) {
  if (scan_.oldest_host.empty() || host.heard_at() < scan_.oldest_heard_at) {
    scan_.oldest_host = host.name();
    scan_.oldest_heard_at = host.heard_at();
  }
  const bool is_silent = host.heard_at() < silent_before_;
  if (is_silent) scan_.silent.add(host.name());
  desired_->visit(host.name(), [&](size_t agent, const DesiredAgent& desired) {
    if (desired.cmd == "start") look_at(host, is_silent, desired, agents_[agent]);
  });
}

void FleetScanner::look_at(const HostView& host, bool is_silent, const DesiredAgent& desired, Agent& agent) {
  auto found = agent.versions.find(desired.version);
  if (found == agent.versions.end()) found = agent.versions.try_emplace(desired.version).first;
  auto& [release, errors] = found->second;
  ++release.desired;
  const auto real = host.agent(desired.name);
  const auto update = host.update(desired.name);
  const bool is_on_its_way = update && update->version == desired.version;
  if (is_on_its_way && !update->entry.error.empty()) {
    const std::string text = one_line(update->entry.error, kMaxErrorSize);
    std::string form = without_numbers(text);
    if (errors.size() >= kMaxErrorTexts && !errors.contains(form)) form.clear();
    auto& [first_text, by] = errors[form];
    if (first_text.empty()) first_text = form.empty() ? kOtherErrors : text;
    by.add(host.name());
  }
  if (real && real->version == desired.version) return;
  if (is_on_its_way && has_failed(to_phase(update->phase))) return;
  if (leases_.find(desired.name, host.name())) return;
  ++(is_silent ? release.absent : release.held);
}

FleetScan FleetScanner::result() {
  for (size_t i = 0; i < agents_.size(); ++i) {
    auto& versions = scan_.agents[desired_->config()->agents[i].defaults.name];
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
