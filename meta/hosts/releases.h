#pragma once

// The releases that hosts report, and how many hosts are in which state with each: kept as heartbeats come, so that a summary
// of a million hosts counts nothing. A release is an agent in a version.

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "common/protocol/phase.h"
#include "meta/hosts/limits.h"
#include "meta/hosts/string_interner.h"

namespace ops::meta {

/// What stands for the agents and versions beyond these limits. No host can report such a name.
inline constexpr std::string_view kTooManyAgents = "(too-many-agents)";
inline constexpr std::string_view kTooManyVersions = "(too-many-versions)";

/// What hosts report of a release.
struct RolloutReports {
  uint32_t running = 0;
  uint32_t peak_running = 0;
  uint32_t broken = 0;
};

struct ReleaseCounts {
  uint32_t hosts = 0;  // that report it as installed
  uint32_t started = 0;
  uint32_t stopped = 0;                               // the rest of `hosts` reports another status
  std::array<uint32_t, kPhases.size() + 1> phases{};  // hosts that report an update to it, by Phase

  uint32_t& in(Phase phase) { return phases[static_cast<size_t>(phase)]; }
  uint32_t in(Phase phase) const { return phases[static_cast<size_t>(phase)]; }

  ReleaseCounts& operator+=(const ReleaseCounts& other);
  bool operator==(const ReleaseCounts&) const = default;

  /// Hosts that run it and are past its probation.
  uint32_t running() const;
  /// Hosts that report that it failed.
  uint32_t broken() const;
};

/// Not synchronised. A release is freed with its last reference, its counts with it; how many hosts ever ran it at once is
/// remembered, of the first kMaxRemembered releases that more than one host ran.
class Releases {
 public:
  using Id = StringInterner::Id;
  static constexpr Id kNone = StringInterner::kOverflow;  // is no release

  Releases();

  /// Takes a reference. Beyond the limits, to the agent's kTooManyVersions, or to that of kTooManyAgents.
  Id acquire(std::string_view agent, std::string_view version);
  void release(Id id);

  bool is(Id id, std::string_view agent, std::string_view version) const { return is_joined(texts_.text(id), agent, version); }
  std::string_view agent(Id id) const { return split(texts_.text(id)).first; }
  std::string_view version(Id id) const { return split(texts_.text(id)).second; }

  ReleaseCounts& counts(Id id) { return facts_[id].counts; }
  const ReleaseCounts& counts(Id id) const { return facts_[id].counts; }

  /// Without a reference; kNone when nobody has the release.
  Id find(std::string_view agent, std::string_view version) const { return texts_.find(join(agent, version)); }

  /// Whether anybody has a release of that agent.
  bool has_agent(std::string_view name) const {
    return names_.find(name) != StringInterner::kOverflow || find(name, kTooManyVersions) != kNone;
  }

  /// The most hosts that ever ran it at once, as far as it was noted.
  uint32_t peak_running(std::string_view agent, std::string_view version) const;
  uint32_t peak_running(Id id) const { return facts_[id].peak_running; }
  void note_peak(std::string_view agent, std::string_view version, uint32_t hosts);
  /// To be called when its counts have changed.
  void note_running(Id id);

  /// Calls `visit` for each release that more than one host ever ran at once.
  void visit_peaks(const std::function<void(std::string_view agent, std::string_view version, uint32_t hosts)>& visit) const;

  /// Ids are below this. An id that nobody has has no counts.
  Id end() const { return static_cast<Id>(facts_.size()); }
  size_t size() const { return texts_.size(); }

 private:
  struct Facts {
    StringInterner::Id agent = StringInterner::kOverflow;  // each release has one reference to its agent's name
    bool is_new = true;
    uint32_t peak_running = 0;
    ReleaseCounts counts;
  };

  void remember(const std::string& release, uint32_t hosts);

  StringInterner names_;
  StringInterner texts_;                                  // join(agent, version)
  std::unordered_map<std::string, uint32_t> remembered_;  // proven, of releases that were freed; by join(agent, version)
  std::deque<Facts> facts_;                               // by id
};

}  // namespace ops::meta
