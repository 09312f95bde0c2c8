#pragma once

// The last heartbeat of each host, in memory: a million hosts with three agents each take 110 MB. host_index.h describes the
// record of a host. Names, versions and other texts are interned.
//
// A host can send any text, so everything has a limit (limits.h): the number of hosts, the memory of one host and of all
// (kBytesPerHost times the number of hosts), and the number of different agent names, releases, statuses and updaters. A name
// or text beyond one of the latter is recorded as a text in parentheses, like "(too-many-versions)", until there is room again.
//
// Only new hosts are refused: made-up hosts must not crowd out the hosts that ops-meta knows. When there is no room for all
// that a known host reports, the table keeps its agents, and its first kUpdatesOfFullTable updates without their errors.

#include <chrono>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "common/base/result.h"
#include "common/protocol/heartbeat.h"
#include "meta/hosts/duplicate_names.h"
#include "meta/hosts/host_index.h"
#include "meta/hosts/limits.h"
#include "meta/hosts/releases.h"
#include "meta/hosts/string_interner.h"
#include "meta/hosts/survey.h"

namespace ops::meta {

/// A host without a heartbeat for so long is removed.
inline constexpr std::chrono::hours kForgetAfter{72};

inline constexpr std::string_view kTooManyStatuses = "(too-many-statuses)";
inline constexpr std::string_view kTooManyUpdaters = "(too-many-updaters)";

struct Host {
  std::vector<RealAgent> agents;     // may be empty: a host without agents is an entry too
  std::vector<AgentUpdate> updates;  // at most one per agent
  std::string updater_version;       // "" for a Go updater
  std::string platform;
  std::chrono::system_clock::time_point heard_at;  // of the last heartbeat, by steady_now() of ops-meta; whole seconds
  bool is_duplicate = false;                       // two machines send heartbeats under this name

  /// Borrowed; nullptr if the host reports none for the agent.
  const RealAgent* agent(const std::string& name) const;
  const AgentUpdate* update(const std::string& name) const;

  bool operator==(const Host&) const = default;
};

/// One agent of a host in the table.
struct AgentView {
  std::string_view version;
  std::string_view md5;  // of its tarball; "" if it is not known
  std::string_view status;
  int64_t timestamp;
};
struct UpdateView {
  std::string_view version;
  std::string_view phase;
  const UpdateEntry& entry;
};

class HostTable;

/// A host in the table. Valid only during the visit.
class HostView {
 public:
  std::string_view name() const { return record_.name(); }
  std::chrono::system_clock::time_point heard_at() const { return std::chrono::system_clock::from_time_t(record_.heard_at); }
  bool is_duplicate() const { return record_.is_duplicate; }
  std::optional<AgentView> agent(std::string_view name) const;
  std::optional<UpdateView> update(std::string_view name) const;

  /// Overwrites `host`, and reuses its memory.
  void copy_to(Host& host) const;

  /// The same for the health (survey.h): the interval in seconds, the restarts of the updater, and each agent of copy_to().
  uint32_t interval() const { return record_.interval; }
  uint32_t updater_restarts() const { return record_.updater_restarts; }
  AgentHealth health(size_t agent) const { return record_.agents()[agent].health(); }
  /// Of the named agent.
  AgentHealth health(std::string_view agent) const;

 private:
  friend class HostTable;
  HostView(const HostTable& table, const HostRecord& record) : table_(table), record_(record) {}
  const HostTable& table_;
  const HostRecord& record_;
};

/// By agent name and version.
using Summary = std::map<std::string, std::map<std::string, ReleaseCounts>>;

/// Thread-safe. One lock, which is held for a millisecond at most.
class HostTable {
 public:
  using TimePoint = std::chrono::system_clock::time_point;

  explicit HostTable(size_t max_hosts = kDefaultMaxHosts);

  /// Replaces the host's last heartbeat. If the heartbeat names an agent twice, the first entry counts. Fails only for a new
  /// host, if a limit of the table is reached; the error says which.
  Result<void> record(const HeartbeatRequest& heartbeat, TimePoint now);

  /// Whether two machines send heartbeats under this name. Then nothing that they report counts for a release.
  bool is_duplicate(const std::string& hostname) const;
  DuplicateNames::Found duplicates() const;

  /// Removes no host, even if the table has more.
  void set_max_hosts(size_t max_hosts);

  /// Removes the hosts without a heartbeat for kForgetAfter. Returns their number.
  size_t remove_silent(TimePoint now);

  /// Removes all hosts under one lock.
  void clear();

  size_t size() const;

  /// The memory of the hosts' records in bytes, as the limit of kBytesPerHost counts it.
  size_t bytes() const;

  std::optional<Host> find(const std::string& hostname) const;

  /// Visits the hosts in the order of their names' bytes, beginning at the name `from`, until `visit` returns false or `limit`
  /// hosts are visited. Sets `from` to the name to continue at. False if no host is left. Heartbeats are blocked during the
  /// call: visit a few hundred hosts per call.
  bool visit(std::string& from, size_t limit, const std::function<bool(const HostView&)>& visit) const;

  /// Visits each release that hosts report; takes no time per host. Heartbeats are blocked for 4096 releases at a time.
  void visit_releases(
      const std::function<void(std::string_view agent, std::string_view version, const ReleaseCounts&)>& visit) const;

  /// The counts of all releases.
  Summary summary() const;

  /// Whether any host reports the agent or an update of it. Takes no time per host.
  bool has_agent(std::string_view name) const {
    const std::lock_guard lock(mutex_);
    return releases_.has_agent(name);
  }

  /// The counts of one release for the rollout rule (policy.h). `version` may be a content_key(): then hosts with other content
  /// do not count, and hosts with unknown content do.
  RolloutReports reports(std::string_view agent, std::string_view version) const;

  /// Notes which hosts are in trouble and which have proved their release, and counts them for these releases. Heartbeats are
  /// blocked for a moment at a time; a million hosts take 0.1 s. A host counts as silent only for the time since `listening`,
  /// from which on ops-meta could receive heartbeats. The result has the order of `releases`.
  std::vector<Survey> survey(const std::vector<SurveyedRelease>& releases, TimePoint now, TimePoint listening);

  /// The host does not count for or against its release of the agent: it should not run now.
  void excuse(std::string_view agent, const std::string& hostname);

  /// The longest interval that a host reported since the start, in seconds; 0 if there is none.
  uint32_t longest_interval() const;

  /// A host's health, for host_snapshot.h: the interval, the restarts of the updater, and the agents in the order of the host.
  /// `since` is the number of seconds before the last heartbeat here, plus 2; 0 and 1 are kept.
  struct HostHealth {
    uint32_t interval = 0;
    uint32_t updater_restarts = 0;
    std::vector<AgentHealth> agents;
  };
  void restore_health(const std::string& hostname, const HostHealth& health);

  /// The peak of each release (Releases::peak), for rollout_snapshot.h.
  using Peaks = std::vector<std::tuple<std::string, std::string, uint32_t>>;  // agent, version, hosts
  Peaks peaks() const;
  void set_peaks(const Peaks& peaks);

 private:
  friend class HostView;
  void set_duplicate(HostRecord& record, bool is_duplicate);
  bool has_agents(const HostRecord& record, const std::vector<const RealAgent*>& agents) const;
  const AgentEntry* find_agent(const HostRecord& record, std::string_view name) const;
  void set_agent(AgentEntry& entry, const AgentEntry& earlier, const RealAgent& agent, bool is_known_host, bool counts);
  static bool is_started(const AgentEntry& entry);
  void observe_health(HostRecord& record, const std::vector<const RealAgent*>& agents,
                      const std::vector<const AgentUpdate*>& updates, const HeartbeatRequest& heartbeat, uint32_t now);
  void set_health(HostRecord& record, AgentEntry& entry, const AgentHealth& health);
  bool is_held(const HostRecord& record, std::string_view agent) const;
  struct SurveyPass;
  void survey(HostRecord& record, SurveyPass& pass);
  void set_updates(HostRecord& record, const std::vector<const AgentUpdate*>& updates, size_t longest_error);
  void count_held(HostRecord& record);
  void set_updater(HostRecord& record, const HeartbeatRequest& heartbeat);
  void count(const AgentEntry& entry, int change);
  void drop(const AgentEntry& entry, bool counts);
  void drop_updates(HostRecord& record);
  void drop(HostRecord& record);
  size_t remove_some(std::string& from, uint32_t before, bool& more);

  mutable std::mutex mutex_;
  // All guarded by mutex_:
  size_t max_hosts_;
  size_t bytes_ = 0;
  HostIndex hosts_;
  DuplicateNames duplicates_;
  Releases releases_;
  StringInterner statuses_;
  StringInterner updaters_;  // join(updaterVersion, platform)
  uint32_t longest_interval_ = 0;
};

}  // namespace ops::meta
