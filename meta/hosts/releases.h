#pragma once

// The releases that hosts report, with the number of hosts in each state. The counts are updated with each heartbeat, so that
// a summary of a million hosts visits no host. A release is an agent in a version. A host that reports the MD5 of the tarball
// is counted for the content, as version "2.0.0#9d5e…" (content_key()); each content belongs to the release "2.0.0", which has
// the hosts with unknown content itself.

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "common/protocol/phase.h"
#include "meta/hosts/limits.h"
#include "meta/hosts/string_interner.h"
#include "meta/hosts/survey.h"

namespace ops::meta {

/// Stand for agents and versions beyond the limits. No host can report such a name.
inline constexpr std::string_view kTooManyAgents = "(too-many-agents)";
inline constexpr std::string_view kTooManyVersions = "(too-many-versions)";

inline constexpr char kContentMark = '#';
/// VERSION#MD5, or the version if `md5` is "". No version contains "#".
std::string content_key(std::string_view version, std::string_view md5);
/// The version and the MD5 ("" if there is none) of a key.
std::pair<std::string_view, std::string_view> split_content(std::string_view key);

/// Hosts by what they report of a release; policy.h explains the counts.
struct RolloutReports {
  uint32_t running = 0;
  uint32_t peak = 0;
  uint32_t broken = 0;
  uint32_t soaking = 0;                // run it, and have not proved it yet
  std::array<uint32_t, 3> troubled{};  // hosts in late trouble, by Trouble
  uint32_t others = 0;                 // hosts that have another version of the agent
  // Set by the controller:
  uint32_t late = 0;        // of `troubled`: hosts in a trouble that the release causes (late_trouble.h)
  bool is_suspect = false;  // the release may cause trouble
  bool is_harmful = false;  // the release causes too much trouble: halted
  Cohort control;           // the hosts that did not take the release in this rollout
};

struct ReleaseCounts {
  uint32_t hosts = 0;  // report it as installed
  uint32_t started = 0;
  uint32_t stopped = 0;                               // the rest of `hosts` report another status
  uint32_t held = 0;                                  // of `started`: an operator holds the agent
  std::array<uint32_t, kPhases.size() + 1> phases{};  // hosts that report an update to it, by Phase

  uint32_t& in(Phase phase) { return phases[static_cast<size_t>(phase)]; }
  uint32_t in(Phase phase) const { return phases[static_cast<size_t>(phase)]; }

  ReleaseCounts& operator+=(const ReleaseCounts& other);
  bool operator==(const ReleaseCounts&) const = default;

  /// Started, past probation, and not held: a hold may begin in a probation, and proves nothing.
  uint32_t running() const;
  /// Failed or rolled back.
  uint32_t broken() const;
};

/// Not thread-safe. The last reference frees a release and its counts. Its peak is remembered if that is more than one host,
/// for kMaxRemembered releases at most.
class Releases {
 public:
  using Id = StringInterner::Id;
  static constexpr Id kNone = StringInterner::kOverflow;  // not a release

  Releases();

  /// Adds a reference. `version` may be a content_key(). Beyond the limits, the release is kTooManyVersions of the agent or of
  /// kTooManyAgents, and a content is the version.
  Id acquire(std::string_view agent, std::string_view version);
  void release(Id id);

  bool is(Id id, std::string_view agent, std::string_view version) const { return is_joined(texts_.text(id), agent, version); }
  std::string_view agent(Id id) const { return split(texts_.text(id)).first; }
  /// Without the content.
  std::string_view version(Id id) const { return split_content(key(id)).first; }
  std::string_view content(Id id) const { return split_content(key(id)).second; }

  ReleaseCounts& counts(Id id) { return facts_[id].tally.counts; }
  const ReleaseCounts& counts(Id id) const { return facts_[id].tally.counts; }

  /// The id without a new reference; kNone if no host reports the release.
  Id find(std::string_view agent, std::string_view version) const { return texts_.find(join(agent, version)); }

  /// Whether the id is the version with unknown content or with this content, or with any content if `content` is "".
  bool has_content(Id id, Id version, std::string_view content) const;

  /// The same agent and version, and no other content as far as known.
  bool is_same_release(Id a, Id b) const;

  /// Whether any host reports a release of the agent.
  bool has_agent(std::string_view name) const {
    return names_.find(name) != StringInterner::kOverflow || find(name, kTooManyVersions) != kNone;
  }

  /// The peak: the most hosts that ever ran the release at once and had proved it; 0 if it is not known.
  uint32_t peak(std::string_view agent, std::string_view version) const;
  uint32_t peak(Id id) const { return facts_[id].peak; }
  /// Raises the peak to `hosts`.
  void raise_peak(std::string_view agent, std::string_view version, uint32_t hosts);
  /// Raises the peak to the hosts that run it now and have proved it. To be called when its counts have changed.
  void update_peak(Id id);

  /// Visits each release with a peak of more than one host.
  void visit_peaks(const std::function<void(std::string_view agent, std::string_view version, uint32_t hosts)>& visit) const;

  /// To be called when a host begins (+1) or ends (-1) to have the release at this stage.
  void count_host(Id id, Stage stage, uint32_t by) {
    facts_[id].tally.stages[static_cast<size_t>(stage)] += by;
    hosts_by_agent_[facts_[id].agent] += by;
  }
  /// Of the agent's name; StringInterner::kOverflow if no host reports the agent.
  StringInterner::Id agent_id(Id id) const { return facts_[id].agent; }
  StringInterner::Id find_agent(std::string_view name) const { return names_.find(name); }

  /// All counts for the rollout rule that heartbeats give.
  RolloutReports reports(std::string_view agent, std::string_view version) const;

  /// All ids are below this. The counts of an id without a release are 0.
  Id end() const { return static_cast<Id>(facts_.size()); }
  size_t size() const { return texts_.size(); }

 private:
  struct Tally {
    ReleaseCounts counts;
    std::array<uint32_t, kStages> stages{};  // hosts that have it, by Stage

    /// Hosts that run it and have soaked, without trouble.
    uint32_t proven() const;
  };
  struct Facts {
    StringInterner::Id agent = StringInterner::kOverflow;  // a release holds one reference to its agent's name
    bool is_new = true;
    uint32_t peak = 0;
    Tally tally;
    Id base = kNone;           // of a content: its version, to which it holds a reference
    std::vector<Id> contents;  // of a version; kMaxContents at most
  };

  std::string_view key(Id id) const { return split(texts_.text(id)).second; }
  /// Of a version with unknown content and with this content, or with any content if `content` is "".
  Tally sum(Id version, std::string_view content) const;
  Id acquire_text(std::string_view agent, std::string_view version);

  void remember(const std::string& release, uint32_t hosts);

  StringInterner names_;
  StringInterner texts_;                                  // join(agent, version)
  std::unordered_map<std::string, uint32_t> remembered_;  // peaks of freed releases; by join(agent, version)
  std::deque<Facts> facts_;                               // by id
  std::deque<uint32_t> hosts_by_agent_;                   // hosts that have the agent, by the id of its name
};

}  // namespace ops::meta
