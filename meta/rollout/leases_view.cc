// Leases: the lists of leases and turns, for reports and for rollout_snapshot.h.

#include <algorithm>

#include "meta/rollout/leases.h"

namespace ops::meta {

std::optional<Leases::Lease> Leases::find(std::string_view agent_name, std::string_view host) const {
  const std::lock_guard lock(mutex_);
  const auto agent = agents_.find(agent_name);
  if (agent == agents_.end()) return std::nullopt;
  const auto entry = agent->second.by_host.find(host);
  if (entry == agent->second.by_host.end() || !has_lease(entry->second.turn)) return std::nullopt;
  const Turn turn = entry->second.turn;
  return Lease{entry->second.version, entry->second.granted_at, turn == Turn::overdue, turn == Turn::stuck,
               entry->second.error};
}

bool Leases::has_turn(std::string_view agent_name, std::string_view host) const {
  const std::lock_guard lock(mutex_);
  const auto agent = agents_.find(agent_name);
  return agent != agents_.end() && agent->second.by_host.contains(host);
}

bool Leases::has_failed(std::string_view agent_name, std::string_view version, std::string_view host) const {
  const std::lock_guard lock(mutex_);
  const auto agent = agents_.find(agent_name);
  if (agent == agents_.end()) return false;
  const auto entry = agent->second.by_host.find(host);
  if (entry == agent->second.by_host.end() || split_content(entry->second.version).first != version) return false;
  const Turn turn = entry->second.turn;
  return turn == Turn::overdue || turn == Turn::failed || turn == Turn::withdrawn;
}

std::vector<std::pair<std::string, Leases::TimePoint>> Leases::holders(std::string_view agent_name, std::string_view version,
                                                                       size_t limit) const {
  std::vector<std::pair<std::string, TimePoint>> holders;
  const std::lock_guard lock(mutex_);
  const auto agent = agents_.find(agent_name);
  if (agent == agents_.end()) return holders;
  for (const auto& [host, granted_at] : agent->second.grants) {
    if (holders.size() == limit) break;
    const auto entry = agent->second.by_host.find(host);
    if (entry == agent->second.by_host.end() || entry->second.granted_at != granted_at) continue;
    const bool is_of_version = entry->second.version == version || split_content(entry->second.version).first == version;
    if (is_of_version && entry->second.turn == Turn::inflight) holders.emplace_back(host, granted_at);
  }
  return holders;
}

std::string Leases::common_error(std::string_view agent_name, std::string_view version) const {
  const std::lock_guard lock(mutex_);
  const auto agent = agents_.find(agent_name);
  if (agent == agents_.end()) return "";
  const auto release = agent->second.by_version.find(version);
  if (release == agent->second.by_version.end()) return "";
  const auto& errors = release->second.errors;
  const auto most =
      std::max_element(errors.begin(), errors.end(), [](const auto& a, const auto& b) { return a.second < b.second; });
  if (most == errors.end()) return "";
  for (const auto& [host, entry] : agent->second.by_host) {
    if (entry.version == version && error_form(entry.error) == most->first) return entry.error;
  }
  return most->first;
}

uint64_t Leases::granted() const {
  const std::lock_guard lock(mutex_);
  return granted_;
}

std::vector<Leases::Saved> Leases::all() const {
  const std::lock_guard lock(mutex_);
  std::vector<Saved> leases;
  for (const auto& [name, agent] : agents_) {
    for (const auto& [host, entry] : agent.by_host) {
      const Turn turn = entry.turn == Turn::stuck ? Turn::inflight : entry.turn;  // its next heartbeat has the error
      leases.push_back({name, entry.version, host, Clock::to_time_t(entry.granted_at), turn, entry.has_failed});
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
    const Turn turn = saved.turn == Turn::overdue ? Turn::inflight : saved.turn;
    Entry entry{std::move(saved.version), granted_at, turn, saved.has_failed, ""};
    const auto [place, is_new] = agent.by_host.emplace(saved.host, std::move(entry));
    if (!is_new) continue;
    count(agent, place->second, +1);
    if (has_lease(place->second.turn)) agent.grants.push_back({std::move(saved.host), granted_at});
  }
}

}  // namespace ops::meta
