#include "meta/host_table.h"

#include <algorithm>
#include <mutex>

namespace ops::meta {

namespace {

template <typename Entry>
const Entry* find_by_name(const std::vector<Entry>& entries, const std::string& name) {
  const auto found = std::find_if(entries.begin(), entries.end(), [&](const Entry& entry) { return entry.name == name; });
  return found == entries.end() ? nullptr : &*found;
}

}  // namespace

const RealAgent* Host::agent(const std::string& name) const { return find_by_name(agents, name); }
const AgentUpdate* Host::update(const std::string& name) const { return find_by_name(updates, name); }

void HostTable::record(const HeartbeatRequest& heartbeat, TimePoint now) {
  const std::lock_guard lock(mutex_);
  hosts_[heartbeat.hostname] =
      Host{heartbeat.real_agents, heartbeat.updates, heartbeat.updater_version, heartbeat.platform, now};
}

size_t HostTable::forget_silent(TimePoint now) {
  const std::lock_guard lock(mutex_);
  return std::erase_if(hosts_, [&](const auto& entry) { return now - entry.second.heard_at > kForgetAfter; });
}

size_t HostTable::size() const {
  const std::shared_lock lock(mutex_);
  return hosts_.size();
}

std::optional<Host> HostTable::find(const std::string& hostname) const {
  const std::shared_lock lock(mutex_);
  const auto found = hosts_.find(hostname);
  return found == hosts_.end() ? std::nullopt : std::optional(found->second);
}

void HostTable::for_each(const std::function<void(const std::string&, const Host&)>& visit) const {
  const std::shared_lock lock(mutex_);
  for (const auto& [hostname, host] : hosts_) visit(hostname, host);
}

}  // namespace ops::meta
