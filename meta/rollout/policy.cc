#include "meta/rollout/policy.h"

#include <algorithm>

namespace ops::meta {

uint32_t max_on_the_way(const RolloutReports& reports, uint32_t failed) {
  const uint32_t doubling = std::max(uint32_t{1}, reports.peak);
  const bool is_cautious = (failed > 0 || reports.is_suspect) && reports.peak < kCautiousBelow;
  return is_cautious ? std::min(doubling, kCautiousInflight) : doubling;
}

RolloutReports with_soak(const RolloutLimits& limits, RolloutReports reports) {
  if (limits.soak.count() == 0) reports.soaking = 0;
  const uint32_t without_soak = limits.soak.count() == 0 ? UINT32_MAX : reports.others == 0 ? kFirstInstalls : 0;
  const uint32_t counted = std::min(reports.running, without_soak);
  if (counted > reports.peak) {
    reports.soaking -= std::min(reports.soaking, counted - reports.peak);
    reports.peak = counted;
  }
  return reports;
}

Admission admit(const RolloutLimits& limits, const RolloutReports& reports, uint32_t failed, uint32_t inflight) {
  if (limits.parallel == 0) return Admission::go;
  const double rate = failed == 0 ? 0 : 100.0 * failed / (static_cast<double>(failed) + reports.running);
  if (failed >= limits.max_failures && rate > limits.max_failure_rate) return Admission::halted;
  if (reports.is_harmful) return Admission::halted;
  if (inflight >= limits.parallel) return Admission::wait;
  return inflight + reports.soaking < max_on_the_way(reports, failed) ? Admission::go : Admission::wait;
}

Admission Leases::request(std::string_view agent_name, std::string_view version, std::string_view host,
                          const RolloutLimits& limits, const RolloutReports& reports, TimePoint now) {
  if (limits.parallel == 0) return Admission::go;
  const std::lock_guard lock(mutex_);
  auto found = agents_.find(agent_name);
  if (found == agents_.end()) found = agents_.emplace(agent_name, Agent{}).first;
  Agent& agent = found->second;
  expire(agent, limits.timeout, now);

  const auto known = agent.by_host.find(host);
  if (known != agent.by_host.end() && known->second.version == version) return Admission::go;
  const auto counted = agent.by_version.find(version);
  const Counts counts = counted == agent.by_version.end() ? Counts{} : counted->second;
  const Admission admission = admit(limits, reports, reports.broken + counts.overdue + reports.late, counts.inflight);
  if (known != agent.by_host.end()) {  // a lease of another version
    count(agent, known->second, -1);
    agent.by_host.erase(known);
  }
  if (admission == Admission::go) {
    const Lease& lease = agent.by_host.emplace(host, Lease{std::string(version), now}).first->second;
    agent.grants.push_back({std::string(host), now});
    count(agent, lease, +1);
    ++granted_;
  }
  return admission;
}

std::optional<Leases::Lease> Leases::find(std::string_view agent_name, std::string_view host) const {
  const std::lock_guard lock(mutex_);
  const auto agent = agents_.find(agent_name);
  if (agent == agents_.end()) return std::nullopt;
  const auto lease = agent->second.by_host.find(host);
  if (lease == agent->second.by_host.end()) return std::nullopt;
  return lease->second;
}

void Leases::end(std::string_view agent_name, std::string_view host) {
  const std::lock_guard lock(mutex_);
  const auto agent = agents_.find(agent_name);
  if (agent == agents_.end()) return;
  const auto lease = agent->second.by_host.find(host);
  if (lease == agent->second.by_host.end()) return;
  count(agent->second, lease->second, -1);
  agent->second.by_host.erase(lease);
}

Leases::Counts Leases::counts(std::string_view agent_name, std::string_view version, const RolloutLimits& limits,
                              TimePoint now) {
  const std::lock_guard lock(mutex_);
  const auto agent = agents_.find(agent_name);
  if (agent == agents_.end()) return {};
  expire(agent->second, limits.timeout, now);
  const auto found = agent->second.by_version.find(version);
  return found == agent->second.by_version.end() ? Counts{} : found->second;
}

uint64_t Leases::granted() const {
  const std::lock_guard lock(mutex_);
  return granted_;
}

std::vector<Leases::Saved> Leases::all() const {
  const std::lock_guard lock(mutex_);
  std::vector<Saved> leases;
  for (const auto& [name, agent] : agents_) {
    for (const auto& [host, lease] : agent.by_host) {
      leases.push_back({name, lease.version, host, Clock::to_time_t(lease.granted_at)});
    }
  }
  return leases;
}

void Leases::restore(std::vector<Saved> leases) {
  std::sort(leases.begin(), leases.end(), [](const Saved& a, const Saved& b) { return a.granted_at < b.granted_at; });
  const std::lock_guard lock(mutex_);
  for (Saved& saved : leases) {
    Agent& agent = agents_[saved.agent];
    const auto granted_at = Clock::from_time_t(saved.granted_at);
    const auto [lease, is_new] = agent.by_host.emplace(saved.host, Lease{std::move(saved.version), granted_at});
    if (!is_new) continue;
    agent.grants.push_back({std::move(saved.host), granted_at});
    count(agent, lease->second, +1);
  }
}

void Leases::expire(Agent& agent, std::chrono::seconds timeout, TimePoint now) {
  while (!agent.grants.empty() && now - agent.grants.front().granted_at > timeout) {
    const Grant grant = std::move(agent.grants.front());
    agent.grants.pop_front();
    const auto lease = agent.by_host.find(grant.host);
    if (lease == agent.by_host.end() || lease->second.granted_at != grant.granted_at) continue;
    count(agent, lease->second, -1);
    lease->second.is_overdue = true;
    count(agent, lease->second, +1);
  }
}

void Leases::count(Agent& agent, const Lease& lease, int change) {
  Counts& counts = agent.by_version[lease.version];
  (lease.is_overdue ? counts.overdue : counts.inflight) += static_cast<uint32_t>(change);
  if (counts == Counts{}) agent.by_version.erase(lease.version);
}

}  // namespace ops::meta
