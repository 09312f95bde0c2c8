#include "meta/hosts/host_table.h"

#include <algorithm>

#include "common/base/number_text.h"
#include "common/protocol/phase.h"
#include "common/protocol/status.h"

namespace ops::meta {

namespace {

constexpr size_t kHostsPerLock = 256;
constexpr StringInterner::Id kReleasesPerLock = 4096;
constexpr int64_t kUsualInterval = 300;  // seconds, of a host that reports none
constexpr size_t kShortestError = 16;    // bytes
constexpr size_t kEllipsis = std::string_view("…").size();

// The ids of the three status words in statuses_: the constructor acquires them first, in this order.
enum CommonStatus : StringInterner::Id { kStarted = 1, kStoped, kStopped };

template <typename Entry>
std::vector<const Entry*> first_of_each_name(const std::vector<Entry>& entries) {
  std::vector<const Entry*> firsts;
  firsts.reserve(entries.size());
  for (const Entry& entry : entries) {
    const auto same_name = [&](const Entry* other) { return other->name == entry.name; };
    if (std::none_of(firsts.begin(), firsts.end(), same_name)) firsts.push_back(&entry);
  }
  return firsts;
}

uint32_t to_seconds(HostTable::TimePoint time) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(time).time_since_epoch().count();
  return static_cast<uint32_t>(std::clamp<int64_t>(seconds, 0, UINT32_MAX));
}

size_t bytes_of_updates(size_t count, size_t error_bytes) {
  return count == 0 ? 0 : sizeof(std::vector<UpdateEntry>) + count * sizeof(UpdateEntry) + error_bytes;
}

/// The bytes of the updates' errors at most, each cut to `longest` and "…".
size_t bytes_of_errors(const std::vector<const AgentUpdate*>& updates, size_t longest) {
  size_t bytes = 0;
  for (const AgentUpdate* update : updates) bytes += std::min(update->error.size(), longest == 0 ? 0 : longest + kEllipsis);
  return bytes;
}

/// The length to which a host's errors are cut, so that they take `room` bytes at most; 0 if there is no room for useful texts.
size_t longest_error(const std::vector<const AgentUpdate*>& updates, size_t room) {
  size_t longest = 2 * kMaxStatusSize;
  while (bytes_of_errors(updates, longest) > room) longest = longest > kShortestError ? longest / 2 : 0;
  return longest;
}

size_t bytes_of(const HostRecord& record) {
  size_t errors = 0;
  size_t count = 0;
  if (record.updates) {
    count = record.updates->size();
    for (const UpdateEntry& update : *record.updates) errors += update.error.size();
  }
  return HostRecord::size_of(record.name().size(), record.agents().size()) + bytes_of_updates(count, errors);
}

}  // namespace

HostTable::HostTable(size_t max_hosts)
    : max_hosts_(max_hosts), statuses_(kMaxStatuses, kTooManyStatuses), updaters_(kMaxUpdaters, kTooManyUpdaters) {
  for (const std::string_view word : {kStartedWord, kStopedWord, kStoppedWord}) statuses_.acquire(word);
  for (const Phase phase : kPhases) statuses_.acquire(to_word(phase));
}

Result<void> HostTable::record(const HeartbeatRequest& heartbeat, TimePoint now) {
  const auto agents = first_of_each_name(heartbeat.real_agents);
  auto updates = first_of_each_name(heartbeat.updates);
  size_t bytes = HostRecord::size_of(heartbeat.hostname.size(), agents.size()) + bytes_of_updates(updates.size(), 0);
  size_t longest = longest_error(updates, kMostBytesPerHost - std::min(bytes, kMostBytesPerHost));
  bytes += bytes_of_errors(updates, longest);

  const std::lock_guard lock(mutex_);
  HostRecord::Pointer* known = hosts_.find(heartbeat.hostname);
  if (known == nullptr && hosts_.size() >= max_hosts_)
    return Error{cat("the host table is full: ", counted(hosts_.size(), "host"))};
  const size_t bytes_before = known == nullptr ? 0 : bytes_of(**known);
  if (bytes > bytes_before && bytes_ - bytes_before + bytes > max_hosts_ * kBytesPerHost) {
    if (known == nullptr) return Error{cat("the host table is full: ", bytes_, " bytes")};
    updates.resize(std::min(updates.size(), kUpdatesOfFullTable));
    longest = 0;
  }
  const bool fits = known != nullptr && has_agents(**known, agents);
  HostRecord::Pointer fresh = fits ? nullptr : HostRecord::make(heartbeat.hostname, agents.size());
  HostRecord& record = fits ? **known : *fresh;
  const DuplicateNames::Id id = DuplicateNames::hash(heartbeat.host_id);
  const DuplicateNames::Id id_before = known == nullptr ? 0 : (*known)->id;
  const auto interval = static_cast<uint32_t>(heartbeat.interval > 0 ? heartbeat.interval : kUsualInterval);
  set_duplicate(record, duplicates_.note(heartbeat.hostname, id_before, id, interval, to_seconds(now)));
  record.id = id == 0 ? id_before : id;
  if (!fits && known != nullptr) record.heard_at = (*known)->heard_at, record.updater_restarts = (*known)->updater_restarts;
  for (size_t i = 0; i < agents.size(); ++i) {
    AgentEntry& entry = record.agents()[i];
    const AgentEntry* earlier = fits ? &entry : known == nullptr ? nullptr : find_agent(**known, agents[i]->name);
    set_agent(entry, earlier == nullptr ? AgentEntry() : *earlier, *agents[i], known != nullptr, !record.is_duplicate);
  }
  set_updates(record, updates, longest);
  set_updater(record, heartbeat);
  observe_health(record, agents, updates, heartbeat, to_seconds(now));
  record.heard_at = to_seconds(now);
  for (const AgentEntry& entry : record.agents()) releases_.update_peak(entry.release());
  bytes_ += bytes_of(record) - bytes_before;
  if (fits) return {};
  if (known == nullptr) {
    hosts_.insert(std::move(fresh));
  } else {
    known->swap(fresh);
    drop(*fresh);
  }
  return {};
}

/// Adds what the record has so far to the counts of releases, or removes it.
void HostTable::set_duplicate(HostRecord& record, bool is_duplicate) {
  if (record.is_duplicate == is_duplicate) return;
  record.is_duplicate = is_duplicate;
  for (const AgentEntry& entry : record.agents()) {
    if (entry.release() != Releases::kNone) count(entry, is_duplicate ? -1 : +1);
  }
  if (!record.updates) return;
  for (UpdateEntry& update : *record.updates) {
    ReleaseCounts& counts = releases_.counts(update.release);
    uint32_t& hosts = counts.in(to_phase(statuses_.text(update.phase)));
    is_duplicate ? --hosts : ++hosts;
    if (update.is_held) --counts.held;
    update.is_held = false;  // set_updates() follows
  }
}

/// In most heartbeats only the timestamp is new.
void HostTable::set_agent(AgentEntry& entry, const AgentEntry& earlier, const RealAgent& agent, bool is_known_host,
                          bool counts) {
  const std::string_view status = plain_status(agent.status);
  entry.set_timestamp(agent.timestamp);
  thread_local std::string key;  // keeps its memory
  key.assign(agent.version);
  if (!agent.md5.empty()) key.append(1, kContentMark).append(agent.md5);
  if (releases_.is(entry.release(), agent.name, key) && statuses_.text(entry.status()) == status) return;
  const AgentEntry before = entry;
  entry.set_release(releases_.acquire(agent.name, key));
  entry.set_status(statuses_.acquire(status));
  AgentHealth health = earlier.health();
  if (!releases_.is_same_release(earlier.release(), entry.release())) {
    health.since = 0;
    health.stage = is_known_host ? Stage::taken : Stage::settled;
    health.counted = static_cast<uint8_t>(agent.restarts);
  }
  entry.set_health(health);
  if (counts) count(entry, +1);
  drop(before, counts);
}

void HostTable::set_updater(HostRecord& record, const HeartbeatRequest& heartbeat) {
  if (is_joined(updaters_.text(record.updater), heartbeat.updater_version, heartbeat.platform)) return;
  const StringInterner::Id before = record.updater;
  record.updater = static_cast<uint16_t>(updaters_.acquire(join(heartbeat.updater_version, heartbeat.platform)));
  updaters_.release(before);
}

void HostTable::count(const AgentEntry& entry, int change) {
  const auto by = static_cast<uint32_t>(change);
  ReleaseCounts& counts = releases_.counts(entry.release());
  counts.hosts += by;
  if (is_started(entry)) counts.started += by;
  if (entry.status() == kStoped || entry.status() == kStopped) counts.stopped += by;
  releases_.count_host(entry.release(), entry.stage(), by);
}

bool HostTable::is_started(const AgentEntry& entry) { return entry.status() == kStarted; }

void HostTable::drop(const AgentEntry& entry, bool counts) {
  if (entry.release() == Releases::kNone) return;
  if (counts) count(entry, -1);
  releases_.release(entry.release());
  statuses_.release(entry.status());
}

void HostTable::drop(HostRecord& record) {
  for (const AgentEntry& entry : record.agents()) drop(entry, !record.is_duplicate);
  drop_updates(record);
  updaters_.release(record.updater);
}

void HostTable::set_max_hosts(size_t max_hosts) {
  const std::lock_guard lock(mutex_);
  max_hosts_ = max_hosts;
}

size_t HostTable::remove_silent(TimePoint now) {
  const uint32_t before = to_seconds(now - kForgetAfter);
  std::string from;
  size_t removed = 0;
  for (bool more = true; more;) removed += remove_some(from, before, more);
  return removed;
}

size_t HostTable::remove_some(std::string& from, uint32_t before, bool& more) {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> silent;
  more = hosts_.visit(from, kHostsPerLock, [&](const HostRecord& record) {
    if (record.heard_at < before) silent.emplace_back(record.name());
    return true;
  });
  for (const std::string& name : silent) {
    HostRecord& record = **hosts_.find(name);
    bytes_ -= bytes_of(record);
    drop(record);
    hosts_.erase(name);
    duplicates_.forget(name);
  }
  return silent.size();
}

void HostTable::clear() {
  const std::lock_guard lock(mutex_);
  std::string from;
  hosts_.visit(from, SIZE_MAX, [&](const HostRecord& record) {
    drop(const_cast<HostRecord&>(record));
    return true;
  });
  hosts_.clear();
  duplicates_.clear();
  bytes_ = 0;
}

size_t HostTable::size() const {
  const std::lock_guard lock(mutex_);
  return hosts_.size();
}

size_t HostTable::bytes() const {
  const std::lock_guard lock(mutex_);
  return bytes_;
}

std::optional<Host> HostTable::find(const std::string& hostname) const {
  const std::lock_guard lock(mutex_);
  const HostRecord* record = hosts_.find(hostname);
  if (record == nullptr) return std::nullopt;
  Host host;
  HostView(*this, *record).copy_to(host);
  return host;
}

bool HostTable::visit(std::string& from, size_t limit, const std::function<bool(const HostView&)>& visit) const {
  const std::lock_guard lock(mutex_);
  return hosts_.visit(from, limit, [&](const HostRecord& record) { return visit(HostView(*this, record)); });
}

void HostTable::visit_releases(
    const std::function<void(std::string_view, std::string_view, const ReleaseCounts&)>& visit) const {
  for (Releases::Id next = 1, end = 2; next < end;) {
    const std::lock_guard lock(mutex_);
    end = releases_.end();
    for (const Releases::Id stop = std::min(end, next + kReleasesPerLock); next < stop; ++next) {
      const ReleaseCounts& counts = releases_.counts(next);
      if (counts != ReleaseCounts{}) visit(releases_.agent(next), releases_.version(next), counts);
    }
  }
}

Summary HostTable::summary() const {
  Summary summary;
  visit_releases([&](std::string_view agent, std::string_view version, const ReleaseCounts& counts) {
    summary[std::string(agent)][std::string(version)] += counts;
  });
  return summary;
}

}  // namespace ops::meta
