#include "meta/hosts/host_table.h"

namespace ops::meta {

const RealAgent* Host::agent(const std::string& name) const { return find_by_name(agents, name); }
const AgentUpdate* Host::update(const std::string& name) const { return find_by_name(updates, name); }

std::optional<AgentView> HostView::agent(std::string_view name) const {
  for (const AgentEntry& entry : record_.agents()) {
    if (table_.releases_.agent(entry.release()) != name) continue;
    return AgentView{table_.releases_.version(entry.release()), table_.releases_.content(entry.release()),
                     table_.statuses_.text(entry.status()), entry.timestamp()};
  }
  return std::nullopt;
}

std::optional<UpdateView> HostView::update(std::string_view name) const {
  if (!record_.updates) return std::nullopt;
  for (const UpdateEntry& entry : *record_.updates) {
    if (table_.releases_.agent(entry.release) != name) continue;
    return UpdateView{table_.releases_.version(entry.release), table_.statuses_.text(entry.phase), entry};
  }
  return std::nullopt;
}

void HostView::copy_to(Host& host) const {
  const auto agents = record_.agents();
  host.agents.resize(agents.size());
  for (size_t i = 0; i < agents.size(); ++i) {
    RealAgent& to = host.agents[i];
    to.name = table_.releases_.agent(agents[i].release());
    to.version = table_.releases_.version(agents[i].release());
    to.md5 = table_.releases_.content(agents[i].release());
    to.status = table_.statuses_.text(agents[i].status());
    to.timestamp = agents[i].timestamp();
  }
  host.updates.clear();
  for (size_t i = 0; record_.updates && i < record_.updates->size(); ++i) {
    const UpdateEntry& entry = (*record_.updates)[i];
    host.updates.push_back({std::string(table_.releases_.agent(entry.release)),
                            std::string(table_.releases_.version(entry.release)), table_.statuses_.text(entry.phase),
                            entry.done, entry.total, entry.attempts, entry.since, entry.error});
  }
  const auto [updater_version, platform] = split(table_.updaters_.text(record_.updater));
  host.updater_version = updater_version;
  host.platform = platform;
  host.is_duplicate = record_.is_duplicate;
  host.heard_at = HostTable::TimePoint(std::chrono::seconds(record_.heard_at));
}

bool HostTable::is_duplicate(const std::string& hostname) const {
  const std::lock_guard lock(mutex_);
  const HostRecord* record = hosts_.find(hostname);
  return record != nullptr && record->is_duplicate;
}

DuplicateNames::Found HostTable::duplicates() const {
  const std::lock_guard lock(mutex_);
  return duplicates_.found();
}

}  // namespace ops::meta
