// The part of the host table that follows the health of agents; survey.h has the definitions.

#include <algorithm>

#include "meta/hosts/host_table.h"

namespace ops::meta {

namespace {

constexpr uint32_t kDefaultInterval = 300;  // seconds; for a host that reports none
constexpr uint8_t kRestart = 4;             // AgentHealth::restarts, for each heartbeat with a restart
constexpr uint32_t kUpdaterRestart = 2;     // HostRecord::updater_restarts, for each
constexpr uint32_t kUpdaterRestarts = 5;    // three restarts, with one heartbeat between them that shows none
constexpr uint32_t kWatched = 3600;         // seconds
constexpr uint32_t kWatchedIntervals = 12;
constexpr uint32_t kNoticed = 3;       // intervals, until a trouble is seen
constexpr uint32_t kUnwellBefore = 1;  // AgentHealth::since of a host whose agent was in trouble before it took the release
constexpr size_t kAges = 64;           // the ages of a survey: parts of the watched time
constexpr size_t kHostsPerLock = 256;

uint32_t interval_of(const HostRecord& record) { return record.interval == 0 ? kDefaultInterval : record.interval; }

uint32_t watched_time(const HostRecord& record) {
  const uint32_t interval = interval_of(record);
  return std::max(kWatched, kWatchedIntervals * interval) + kNoticed * interval;
}

uint32_t seconds_between(uint32_t from, uint32_t to) { return to - std::min(from, to); }

bool is_restarting(const AgentHealth& health, const HostRecord& record) {
  return health.restarts > 0 || record.updater_restarts >= kUpdaterRestarts;
}

/// The trouble that heartbeats show, as a stage; settled if there is none.
Stage trouble_of(const AgentHealth& health, const HostRecord& record) {
  if (health.down >= 2) return Stage::died;
  return is_restarting(health, record) ? Stage::restarting : Stage::settled;
}

bool is_well(const AgentHealth& health, const HostRecord& record) { return trouble_of(health, record) == Stage::settled; }

uint32_t to_seconds(HostTable::TimePoint time) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(time).time_since_epoch().count();
  return static_cast<uint32_t>(std::clamp<int64_t>(seconds, 0, UINT32_MAX));
}

}  // namespace

AgentHealth HostView::health(std::string_view agent) const {
  const AgentEntry* entry = table_.find_agent(record_, agent);
  return entry == nullptr ? AgentHealth() : entry->health();
}

bool HostTable::has_agents(const HostRecord& record, const std::vector<const RealAgent*>& agents) const {
  const auto is_same = [this](const AgentEntry& entry, const RealAgent* agent) {
    return releases_.agent(entry.release()) == agent->name;
  };
  const auto entries = record.agents();
  return std::equal(entries.begin(), entries.end(), agents.begin(), agents.end(), is_same);
}

const AgentEntry* HostTable::find_agent(const HostRecord& record, std::string_view name) const {
  for (const AgentEntry& entry : record.agents()) {
    if (releases_.agent(entry.release()) == name) return &entry;
  }
  return nullptr;
}

void HostTable::set_health(HostRecord& record, AgentEntry& entry, const AgentHealth& health) {
  if (entry.stage() != health.stage && !record.is_duplicate) {
    releases_.count_host(entry.release(), entry.stage(), UINT32_MAX);  // -1
    releases_.count_host(entry.release(), health.stage, 1);
  }
  entry.set_health(health);
}

/// To be called before `heard_at` changes, after the agents and the updates are set. In most heartbeats nothing changes.
void HostTable::observe_health(HostRecord& record, const std::vector<const RealAgent*>& agents,
                               const std::vector<const AgentUpdate*>& updates, const HeartbeatRequest& heartbeat,
                               uint32_t now) {
  record.interval = static_cast<uint32_t>(heartbeat.interval) & 0x1FFFF;
  longest_interval_ = std::max<uint32_t>(longest_interval_, record.interval);
  const bool is_first = record.heard_at == 0;
  const uint32_t pause = seconds_between(record.heard_at, now);
  const bool is_interval_later = 2 * pause >= interval_of(record);  // not a report of a change, which follows at once
  const bool is_new_updater = !is_first && heartbeat.uptime >= 0 && heartbeat.uptime + 1 < pause;
  uint32_t updater_restarts = record.updater_restarts;
  if (is_new_updater) updater_restarts = std::min<uint32_t>(7, updater_restarts + kUpdaterRestart);
  if (!is_new_updater && is_interval_later && updater_restarts > 0) --updater_restarts;
  record.updater_restarts = updater_restarts & 7;
  for (size_t i = 0; i < agents.size(); ++i) {
    AgentEntry& entry = record.agents()[i];
    const AgentHealth before = entry.health();
    AgentHealth health = before;
    const bool is_up = is_started(entry);
    const auto reported = static_cast<uint8_t>(agents[i]->restarts);
    const bool is_quiet = is_up && reported == before.counted && before.restarts == 0 && before.down == 0;
    if (is_quiet && !is_first && before.stage == Stage::settled) continue;
    const auto update = std::find_if(updates.begin(), updates.end(), [&](const auto* u) { return u->name == agents[i]->name; });
    const Phase phase = update == updates.end() ? Phase::idle : to_phase((*update)->phase);
    const bool is_switching = phase == Phase::switching || phase == Phase::probation;
    if (is_first && agents[i]->started >= 0 && is_up) {  // the record of the host was lost, in a crash for example
      health.since = seconds_between(static_cast<uint32_t>(std::min<int64_t>(agents[i]->started, UINT32_MAX)), now);
      health.stage = record.interval > 0 ? Stage::soaking : Stage::settled;
      health.counted = reported;
    } else if (health.stage == Stage::taken && is_up && !is_switching) {
      const bool was_well = is_well(health, record);
      health = {was_well ? now : kUnwellBefore, was_well && record.interval > 0 ? Stage::soaking : Stage::settled, 0, 0,
                reported};
    } else if (health.stage != Stage::taken && !is_switching) {
      const bool is_restarted = static_cast<int8_t>(static_cast<uint8_t>(reported - health.counted)) > 0;
      health.counted = reported;
      health.down = is_up ? uint8_t{0} : std::min<uint8_t>(3, health.down + 1);
      if (is_restarted) health.restarts = std::min<uint8_t>(7, health.restarts + kRestart);
      if (!is_restarted && is_interval_later && health.restarts > 0) --health.restarts;
    }
    // The next survey decides whether the host has soaked.
    if (is_late_trouble(health.stage) && is_well(health, record)) health.stage = Stage::soaking;
    const bool is_old = seconds_between(health.since, now) > watched_time(record);
    if (health.stage == Stage::soaking && is_old && is_well(health, record)) health.stage = Stage::settled;
    if (health != before) set_health(record, entry, health);
  }
}

void HostTable::excuse(std::string_view agent, const std::string& hostname) {
  const std::lock_guard lock(mutex_);
  HostRecord::Pointer* record = hosts_.find(hostname);
  const AgentEntry* entry = record == nullptr ? nullptr : find_agent(**record, agent);
  if (entry == nullptr) return;
  const AgentHealth excused{.counted = entry->health().counted};
  if (entry->health() != excused) set_health(**record, const_cast<AgentEntry&>(*entry), excused);
}

uint32_t HostTable::longest_interval() const {
  const std::lock_guard lock(mutex_);
  return longest_interval_;
}

void HostTable::restore_health(const std::string& hostname, const HostHealth& health) {
  const std::lock_guard lock(mutex_);
  HostRecord::Pointer* record = hosts_.find(hostname);
  if (record == nullptr || (*record)->agents().size() != health.agents.size()) return;
  (*record)->interval = std::min<uint32_t>(health.interval, kLongestOwnInterval) & 0x1FFFF;
  (*record)->updater_restarts = std::min<uint32_t>(health.updater_restarts, 7) & 7;
  longest_interval_ = std::max<uint32_t>(longest_interval_, (*record)->interval);
  for (size_t i = 0; i < health.agents.size(); ++i) {
    AgentHealth restored = health.agents[i];
    if (restored.since > kUnwellBefore) restored.since = seconds_between(restored.since - 2, (*record)->heard_at);
    set_health(**record, (*record)->agents()[i], restored);
  }
}

bool HostTable::is_held(const HostRecord& record, std::string_view agent) const {
  if (!record.updates) return false;
  return std::any_of(record.updates->begin(), record.updates->end(), [&](const UpdateEntry& update) {
    return releases_.agent(update.release) == agent && statuses_.text(update.phase) == to_word(Phase::held);
  });
}

/// One survey while it is made.
struct HostTable::SurveyPass {
  struct Watch {
    const SurveyedRelease& release;
    Survey survey;
    StringInterner::Id agent = StringInterner::kOverflow;
    Releases::Id id = Releases::kNone;
    std::array<std::array<uint32_t, kAges>, kTroubles.size()> ages{};  // hosts that changed, by trouble that they can show, age
    std::array<size_t, kTroubles.size()> youngest{kAges, kAges, kAges};  // age of the youngest troubled host, by Trouble
  };
  std::vector<Watch> watches;
  uint32_t now;
  uint32_t listening;
};

/// Counts one host for the releases of the pass, and moves it to its stage.
void HostTable::survey(HostRecord& record, SurveyPass& pass) {
  if (record.is_duplicate) return;
  const uint32_t interval = interval_of(record);
  const uint32_t watched = watched_time(record);
  const uint32_t quiet = seconds_between(std::max(record.heard_at, pass.listening), pass.now);
  const bool is_silent = quiet > 3 * interval;
  for (AgentEntry& entry : record.agents()) {
    const StringInterner::Id agent = releases_.agent_id(entry.release());
    for (SurveyPass::Watch& watch : pass.watches) {
      if (watch.agent == StringInterner::kOverflow || watch.agent != agent || entry.stage() == Stage::taken) continue;
      AgentHealth health = entry.health();
      if (is_held(record, watch.release.agent)) continue;
      const uint32_t age = seconds_between(health.since, record.heard_at);
      const bool is_release = releases_.has_content(entry.release(), watch.id, split_content(watch.release.version).second);
      const bool is_of_rollout = is_release && health.since > kUnwellBefore && health.since >= to_seconds(watch.release.began);
      Stage trouble = is_silent ? Stage::silent : trouble_of(health, record);
      if (is_of_rollout) {
        const auto soak = soak_of(watch.release.soak, std::chrono::seconds(record.interval)).count();
        const bool is_well = trouble == Stage::settled;
        if (!is_well && (is_late_trouble(health.stage) || age <= watched)) health.stage = trouble;
        const bool is_heard = record.heard_at > health.since || soak < interval;
        if (is_well && is_heard && 2 * quiet <= 3 * interval && health.down == 0 && health.stage != Stage::settled) {
          health.stage = seconds_between(health.since, pass.now) >= soak ? Stage::settled : Stage::soaking;
        }
        if (health.stage != entry.stage()) {
          set_health(record, entry, health);
          releases_.update_peak(entry.release());
        }
        if (!is_late_trouble(health.stage)) trouble = Stage::settled;
        if (health.stage == Stage::soaking) ++watch.survey.soaking;
        if (health.stage == Stage::settled) ++watch.survey.soaked;
      } else {
        // A host that left long ago tells nothing of this time; a host that changed to another release is no control.
        if (is_silent && quiet > watched + 3 * interval) continue;
        if (!is_release && health.since > kUnwellBefore && age <= watched) continue;
      }
      Cohort& cohort = is_of_rollout ? watch.survey.changed : watch.survey.others;
      const size_t part = std::min<size_t>(kAges - 1, size_t{age} * kAges / watched);
      for (const Trouble kind : kTroubles) {
        const auto at = static_cast<size_t>(kind);
        if (kind == Trouble::restarting && record.interval == 0) continue;
        ++cohort.hosts[at];
        if (trouble == to_stage(kind)) ++cohort.troubled[at];
        if (!is_of_rollout) continue;
        ++watch.ages[at][part];
        if (trouble == to_stage(kind)) watch.youngest[at] = std::min(watch.youngest[at], part);
      }
    }
  }
}

std::vector<Survey> HostTable::survey(const std::vector<SurveyedRelease>& releases, TimePoint now, TimePoint listening) {
  SurveyPass pass{{}, to_seconds(now), to_seconds(listening)};
  for (const SurveyedRelease& release : releases) pass.watches.push_back({release, {}});
  std::string from;
  for (bool more = !releases.empty(); more;) {
    const std::lock_guard lock(mutex_);
    for (SurveyPass::Watch& watch : pass.watches) {  // ids may change between two locks
      watch.id = releases_.find(watch.release.agent, split_content(watch.release.version).first);
      watch.agent = releases_.find_agent(watch.release.agent);
    }
    more = hosts_.visit(from, kHostsPerLock, [&](const HostRecord& record) {
      survey(const_cast<HostRecord&>(record), pass);
      return true;
    });
  }
  std::vector<Survey> surveys;
  for (SurveyPass::Watch& watch : pass.watches) {
    for (size_t at = 0; at < kTroubles.size(); ++at) {
      for (size_t age = watch.youngest[at]; age < kAges; ++age) watch.survey.exposed[at] += watch.ages[at][age];
    }
    surveys.push_back(watch.survey);
  }
  return surveys;
}

RolloutReports HostTable::reports(std::string_view agent, std::string_view version) const {
  const std::lock_guard lock(mutex_);
  return releases_.reports(agent, version);
}

HostTable::Peaks HostTable::peaks() const {
  const std::lock_guard lock(mutex_);
  Peaks peaks;
  releases_.visit_peaks(
      [&](std::string_view agent, std::string_view version, uint32_t hosts) { peaks.emplace_back(agent, version, hosts); });
  return peaks;
}

void HostTable::set_peaks(const Peaks& peaks) {
  const std::lock_guard lock(mutex_);
  for (const auto& [agent, version, hosts] : peaks) releases_.raise_peak(agent, version, hosts);
}

}  // namespace ops::meta
