#include "meta/rollout/leases.h"

#include <algorithm>

#include "common/base/text.h"

namespace ops::meta {

namespace {

constexpr size_t kMaxWaiting = 64;     // hosts
constexpr size_t kMaxErrors = 32;      // per release
constexpr size_t kMaxErrorSize = 300;  // bytes
constexpr std::chrono::seconds kDefaultInterval{300};
constexpr std::chrono::seconds kLongestInterval{3600};  // a host cannot delay another one for longer than three of these
constexpr int kWaitingIntervals = 3;

}  // namespace

uint32_t slots_in_use(const Leases::Counts& counts, uint32_t peak) {
  const uint32_t free = std::max(peak, kCautiousInflight);
  return counts.inflight + counts.stuck - std::min(counts.stuck, free);
}

bool cannot_be_taken(const RolloutLimits& limits, const RolloutReports& reports, const Leases::Counts& counts) {
  return reports.running == 0 && reports.peak == 0 && counts.same_error >= std::max(kSameError, limits.max_failures);
}

Admission Leases::request(std::string_view agent_name, std::string_view version, std::string_view host,
                          const RolloutLimits& limits, const RolloutReports& reports, TimePoint now, const HostReport& report) {
  if (limits.parallel == 0) return Admission::go;
  const std::lock_guard lock(mutex_);
  auto found = agents_.find(agent_name);
  if (found == agents_.end()) found = agents_.emplace(agent_name, Agent{}).first;
  Agent& agent = found->second;
  expire(agent, limits.timeout, now);

  auto known = agent.by_host.find(host);
  const bool is_of_version = known != agent.by_host.end() && known->second.version == version;
  if (is_of_version && has_lease(known->second.turn)) {
    note_error(agent, host, known->second, report.error, now);
    return Admission::go;
  }
  if (is_of_version && known->second.has_failed) set_turn(agent, known->second, Turn::withdrawn);
  auto of_version = agent.by_version.find(version);
  if (of_version == agent.by_version.end()) {
    std::erase_if(agent.by_version, [now](const auto& entry) { return is_idle(entry.second, now); });
    of_version = agent.by_version.emplace(version, Release{}).first;
  }
  Release& release = of_version->second;
  const Counts counted = counts(release, now);
  const uint32_t failed = reports.broken + counted.overdue + counted.withdrawn + reports.late;
  Admission admission = admit(limits, reports, failed, slots_in_use(counted, reports.peak));
  if (cannot_be_taken(limits, reports, counted)) admission = Admission::halted;
  if (known != agent.by_host.end() && !is_of_version) {
    erase(agent, known);
    known = agent.by_host.end();
  }
  if (is_of_version) {
    if (admission == Admission::go && !release.waiting.empty()) admission = Admission::wait;
  } else if (admission == Admission::go) {
    if (const auto waited = release.waiting.find(host); waited != release.waiting.end()) release.waiting.erase(waited);
  } else if (release.waiting.size() < kMaxWaiting || release.waiting.contains(host)) {
    const auto pause = std::min(report.interval.count() > 0 ? report.interval : kDefaultInterval, kLongestInterval);
    release.waiting.insert_or_assign(std::string(host), now + kWaitingIntervals * pause);
  }
  if (admission != Admission::go) return admission;
  if (known == agent.by_host.end()) {
    known = agent.by_host.emplace(host, Entry{std::string(version), now}).first;
    ++release.counts.inflight;
  } else {
    set_turn(agent, known->second, Turn::inflight);
    known->second.granted_at = now;
    known->second.has_failed = false;
  }
  agent.grants.push_back({std::string(host), now});
  ++granted_;
  return admission;
}

template <typename Use>
bool Leases::with_entry(std::string_view agent_name, std::string_view version, std::string_view host, const Use& use) {
  const auto found = agents_.find(agent_name);
  if (found == agents_.end()) return false;
  Agent& agent = found->second;
  if (const auto release = agent.by_version.find(version); release != agent.by_version.end()) {
    if (const auto waited = release->second.waiting.find(host); waited != release->second.waiting.end()) {
      release->second.waiting.erase(waited);
    }
  }
  const auto entry = agent.by_host.find(host);
  if (entry == agent.by_host.end()) return false;
  if (entry->second.version != version) {
    erase(agent, entry);
    return false;
  }
  use(agent, entry);
  return true;
}

void Leases::succeed(std::string_view agent_name, std::string_view version, std::string_view host, uint32_t peak) {
  const std::lock_guard lock(mutex_);
  with_entry(agent_name, version, host, [&](Agent& agent, ByText<Entry>::iterator entry) {
    if (peak >= kCautiousBelow) return erase(agent, entry);
    set_turn(agent, entry->second, Turn::done);
    entry->second.has_failed = false;
  });
}

void Leases::fail(std::string_view agent_name, std::string_view version, std::string_view host) {
  const std::lock_guard lock(mutex_);
  const auto note = [](Agent& agent, ByText<Entry>::iterator entry) {
    set_turn(agent, entry->second, Turn::failed);
    entry->second.has_failed = true;
  };
  if (with_entry(agent_name, version, host, note)) return;
  auto agent = agents_.find(agent_name);
  if (agent == agents_.end()) agent = agents_.emplace(agent_name, Agent{}).first;
  agent->second.by_host.emplace(host, Entry{std::string(version), {}, Turn::failed, true});
}

void Leases::hold(std::string_view agent_name, std::string_view version, std::string_view host) {
  const std::lock_guard lock(mutex_);
  with_entry(agent_name, version, host, [](Agent& agent, ByText<Entry>::iterator entry) {
    if (entry->second.turn == Turn::overdue) entry->second.has_failed = true;
    set_turn(agent, entry->second, Turn::done);
  });
}

void Leases::end(std::string_view agent_name, std::string_view host) {
  const std::lock_guard lock(mutex_);
  const auto agent = agents_.find(agent_name);
  if (agent == agents_.end()) return;
  const auto entry = agent->second.by_host.find(host);
  if (entry != agent->second.by_host.end()) erase(agent->second, entry);
}

Leases::Counts Leases::counts(std::string_view agent_name, std::string_view version, const RolloutLimits& limits,
                              TimePoint now) {
  const std::lock_guard lock(mutex_);
  const auto agent = agents_.find(agent_name);
  if (agent == agents_.end()) return {};
  expire(agent->second, limits.timeout, now);
  Counts sum;
  for (auto& [key, release] : agent->second.by_version) {
    if (key != version && split_content(key).first != version) continue;
    const Counts of_key = counts(release, now);
    sum.inflight += of_key.inflight;
    sum.overdue += of_key.overdue;
    sum.withdrawn += of_key.withdrawn;
    sum.stuck += of_key.stuck;
    sum.same_error = std::max(sum.same_error, of_key.same_error);
  }
  return sum;
}

bool Leases::is_idle(const Release& release, TimePoint now) {
  const auto is_over = [now](const auto& entry) { return entry.second < now; };
  return release.counts == Counts{} && std::all_of(release.waiting.begin(), release.waiting.end(), is_over);
}

Leases::Counts Leases::counts(Release& release, TimePoint now) {
  std::erase_if(release.waiting, [now](const auto& entry) { return entry.second < now; });
  Counts counts = release.counts;
  for (const auto& [form, hosts] : release.errors) counts.same_error = std::max(counts.same_error, hosts);
  if (release.waiting.empty()) counts.withdrawn = 0;
  return counts;
}

void Leases::expire(Agent& agent, std::chrono::seconds timeout, TimePoint now) {
  while (!agent.grants.empty() && now - agent.grants.front().granted_at > timeout) {
    const Grant grant = std::move(agent.grants.front());
    agent.grants.pop_front();
    const auto entry = agent.by_host.find(grant.host);
    if (entry == agent.by_host.end() || entry->second.granted_at != grant.granted_at) continue;
    const bool is_moving = entry->second.turn == Turn::stuck && entry->second.error.empty();
    if (entry->second.turn == Turn::inflight || is_moving) set_turn(agent, entry->second, Turn::overdue);
  }
}

void Leases::count(Agent& agent, const Entry& entry, int change) {
  const auto by = static_cast<uint32_t>(change);
  Release& release = agent.by_version[entry.version];
  if (entry.turn == Turn::inflight) release.counts.inflight += by;
  if (entry.turn == Turn::overdue) release.counts.overdue += by;
  if (entry.turn == Turn::withdrawn) release.counts.withdrawn += by;
  if (entry.turn != Turn::stuck) return;
  release.counts.stuck += by;
  std::string form = error_form(entry.error);
  if (form.empty()) return;
  const auto known = release.errors.find(form);
  if (known == release.errors.end()) {
    if (change > 0 && release.errors.size() < kMaxErrors) release.errors.emplace(std::move(form), 1);
  } else if ((known->second += by) == 0) {
    release.errors.erase(known);
  }
}

void Leases::set_turn(Agent& agent, Entry& entry, Turn turn, std::string_view error) {
  count(agent, entry, -1);
  entry.turn = turn;
  entry.error = error;
  count(agent, entry, +1);
}

void Leases::note_error(Agent& agent, std::string_view host, Entry& entry, std::string_view error, TimePoint now) {
  if (entry.turn != Turn::stuck && error.empty()) return;
  const std::string text = one_line(error, kMaxErrorSize);
  if (entry.turn == Turn::stuck && entry.error == text) return;
  const bool is_solved = !entry.error.empty() && text.empty();
  set_turn(agent, entry, Turn::stuck, text);
  if (!is_solved) return;
  entry.granted_at = now;  // the time for the result begins
  agent.grants.push_back({std::string(host), now});
}

void Leases::erase(Agent& agent, ByText<Entry>::iterator entry) {
  count(agent, entry->second, -1);
  agent.by_host.erase(entry);
}

}  // namespace ops::meta
