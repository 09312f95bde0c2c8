#pragma once

// What every host last said of itself, in memory: a million hosts with three agents each in 110 MB. The record of a host is
// described in meta/hosts/host_index.h. Names, versions and texts are kept once for all hosts.
//
// Hosts send what they like, so everything has a bound: the number of hosts, the memory of them all (kBytesPerHost for each
// host that may come), and the number of different agent names (kMaxAgentNames), releases (kMaxReleases), statuses
// (kMaxStatuses) and updaters (kMaxUpdaters). What is beyond one of the latter is recorded as a text in parentheses, like
// "(too-many-versions)", until there is room again.

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
#include "meta/hosts/host_index.h"
#include "meta/hosts/limits.h"
#include "meta/hosts/releases.h"
#include "meta/hosts/string_interner.h"

namespace ops::meta {

/// An entry unheard of for so long goes.
inline constexpr std::chrono::hours kForgetAfter{72};

inline constexpr std::string_view kTooManyStatuses = "(too-many-statuses)";
inline constexpr std::string_view kTooManyUpdaters = "(too-many-updaters)";

struct Host {
  std::vector<RealAgent> agents;     // may be empty: a host without agents is an entry too
  std::vector<AgentUpdate> updates;  // what happens to them beside running
  std::string updater_version;       // "" of the Go updater
  std::string platform;
  std::chrono::system_clock::time_point heard_at;  // our clock, never the host's; whole seconds

  /// nullptr when the host has no such agent, or nothing happens to it.
  const RealAgent* agent(const std::string& name) const;
  const AgentUpdate* update(const std::string& name) const;

  bool operator==(const Host&) const = default;
};

/// One agent of one host, as the host's record has it.
struct AgentView {
  std::string_view version;
  std::string_view status;
  int64_t timestamp;
};
struct UpdateView {
  std::string_view version;
  std::string_view phase;
  const UpdateEntry& entry;
};

class HostTable;

/// A host in the table. Borrowed: valid only while it is visited.
class HostView {
 public:
  std::string_view name() const { return record_.name(); }
  std::chrono::system_clock::time_point heard_at() const { return std::chrono::system_clock::from_time_t(record_.heard_at); }
  std::optional<AgentView> agent(std::string_view name) const;
  std::optional<UpdateView> update(std::string_view name) const;

  /// Makes `host` this one; memory that it has is used again.
  void copy_to(Host& host) const;

 private:
  friend class HostTable;
  HostView(const HostTable& table, const HostRecord& record) : table_(table), record_(record) {}
  const HostTable& table_;
  const HostRecord& record_;
};

/// agent name -> version -> how many hosts
using Summary = std::map<std::string, std::map<std::string, ReleaseCounts>>;

/// Synchronises itself: one lock, which is held for a millisecond at most. Time is an argument, so that three days pass in a
/// test.
class HostTable {
 public:
  using TimePoint = std::chrono::system_clock::time_point;

  explicit HostTable(size_t max_hosts = kDefaultMaxHosts);

  /// Replaces what the host said before. Of an agent that is named twice, the first counts. When a bound of the table is
  /// reached, the error says which, and what the host said before stays.
  Result<void> record(const HeartbeatRequest& heartbeat, TimePoint now);

  /// Hosts that are there stay, also when they are more.
  void set_max_hosts(size_t max_hosts);

  /// Drops what was unheard of for kForgetAfter, and returns how many that were.
  size_t forget_silent(TimePoint now);

  /// Forgets all of them, in one go.
  void clear();

  size_t size() const;

  /// What the hosts' records take, in bytes, as far as it is bounded.
  size_t bytes() const;

  std::optional<Host> find(const std::string& hostname) const;

  /// Calls `visit` for the hosts from the name `from` on, sorted byte by byte, until it returns false or `limit` were
  /// visited. Sets `from` to where to go on; false when there is nothing more. Heartbeats wait meanwhile: a few hundred at a
  /// time are well.
  bool visit(std::string& from, size_t limit, const std::function<bool(const HostView&)>& visit) const;

  /// Calls `visit` for each release that hosts report, and looks at no host. Heartbeats wait for a few thousand at a time.
  void visit_releases(
      const std::function<void(std::string_view agent, std::string_view version, const ReleaseCounts&)>& visit) const;

  /// How many hosts have which release, in which state.
  Summary summary() const;

  /// Whether any host reports the agent, as installed or on its way. It looks at no host.
  bool has_agent(std::string_view name) const {
    const std::lock_guard lock(mutex_);
    return releases_.has_agent(name);
  }

  /// What they report of one release, for its admission (policy.h).
  RolloutReports reports(std::string_view agent, std::string_view version) const;

  /// How many hosts ever ran which release at once, to be saved; and what was saved.
  using Proven = std::vector<std::tuple<std::string, std::string, uint32_t>>;  // agent, version, hosts
  Proven peak_running() const;
  void set_proven(const Proven& peak_running);

 private:
  friend class HostView;
  void set_agent(AgentEntry& entry, const RealAgent& agent);
  void set_updates(HostRecord& record, const std::vector<const AgentUpdate*>& updates);
  void set_software(HostRecord& record, const HeartbeatRequest& heartbeat);
  void count(const AgentEntry& entry, int change);
  void drop(const AgentEntry& entry);
  void drop_updates(HostRecord& record);
  void drop(HostRecord& record);
  size_t forget_some(std::string& from, uint32_t before, bool& more);

  mutable std::mutex mutex_;
  // All guarded by mutex_:
  size_t max_hosts_;
  size_t bytes_ = 0;
  HostIndex hosts_;
  Releases releases_;
  StringInterner statuses_;
  StringInterner updaters_;  // join(updaterVersion, platform)
};

}  // namespace ops::meta
