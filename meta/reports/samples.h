#pragma once

// Samples of the fleet and of its rollouts over the last 7 days, for the pictures of the page (/history, sample_list.h).
//
// A sample is added every 10 s. Older points are coarser:
//
//   level   a point per   points   time that they cover
//   0       10 s              60   10 minutes
//   1       1 minute         360   6 hours
//   2       10 minutes      1009   7 days
//
// Each level gets each sample. A sample in the same 10 s, minute or 10 minutes as the last point of a level is merged into it:
//
//   hosts, hosts on a version   the last value
//   silent, failed              the highest value, so that a short trouble stays visible
//   heartbeats a minute         the mean over the time of the point
//
// An agent has its own points from the begin of a rollout until 7 days after its end: for each version the hosts that have it
// installed, and the hosts on which it failed. An agent has at most kMaxVersions versions; hosts on any further version count
// as kOtherVersions. All agents together have at most kMaxSeries versions: beyond, the agent whose rollout ended first is
// dropped. So all samples take less than kMaxBytes, whatever the number of hosts and agents.
//
// Rejected: a point only for a change, which needs no memory in a quiet week and has no bound in a week that is not.

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace ops::meta {

struct FleetSample {
  uint32_t hosts = 0;
  uint32_t silent = 0;      // hosts
  uint32_t heartbeats = 0;  // a minute

  bool operator==(const FleetSample&) const = default;
};

/// Hosts with the version of an agent. Before the first sample of the version both are kUnknown.
struct VersionSample {
  static constexpr uint32_t kUnknown = UINT32_MAX;
  uint32_t hosts = kUnknown;
  uint32_t failed = kUnknown;

  bool is_known() const { return hosts != kUnknown; }
  bool operator==(const VersionSample&) const = default;
};

/// What is known at one moment.
struct Figures {
  uint32_t hosts = 0;
  uint32_t silent = 0;                   // hosts
  uint64_t heartbeats = 0;               // since the start
  std::set<std::string> under_way = {};  // agents with a rollout that has not ended
  /// For each agent of keeps() or `under_way` its versions; the first ones are preferred at the limit of versions.
  std::map<std::string, std::vector<std::pair<std::string, VersionSample>>> agents = {};
};

/// Not thread-safe. Times are seconds of a clock that no step of the wall clock changes (steady_now()).
class Samples {
 public:
  struct Level {
    int64_t step;   // seconds
    size_t points;  // at most
  };
  static constexpr std::array<Level, 3> kLevels{{{10, 60}, {60, 360}, {600, 1009}}};
  static constexpr int64_t kKept = 7 * 86'400;  // seconds
  static constexpr size_t kMaxVersions = 8;     // of an agent, without kOtherVersions
  static constexpr size_t kMaxSeries = 128;     // versions of all agents
  static constexpr size_t kMaxBytes = 2'000'000;
  static constexpr char kOtherVersions[] = "(others)";

  using Fleet = std::array<std::vector<FleetSample>, kLevels.size()>;     // the oldest first
  using Series = std::array<std::vector<VersionSample>, kLevels.size()>;  // one point for each of `times`
  struct Agent {
    int64_t under_way_at = 0;  // when a rollout was last under way
    std::map<std::string, Series> versions;

    bool operator==(const Agent&) const = default;
  };
  /// All that is saved.
  struct State {
    std::array<std::vector<int64_t>, kLevels.size()> times;  // of the last sample in each point; rising
    Fleet fleet;
    std::map<std::string, Agent> agents;

    bool operator==(const State&) const = default;
  };

  Samples();

  /// The first call notes only the heartbeats: their rate is known from the second one on. Ignores a sample that is not later
  /// than the last one.
  void add(const Figures& figures, int64_t now);

  /// Whether the agent has points and gets more, although it has no rollout under way.
  bool keeps(const std::string& agent) const { return state_.agents.contains(agent); }

  const State& state() const { return state_; }
  /// Continues with the points of `state` that are neither later than `now` nor older than kKept.
  void restore(State state, int64_t now);

  /// A point by its place in `times`.
  struct Place {
    size_t level;
    size_t index;
  };
  /// The points later than `since`, the oldest first: of each time the finest.
  std::vector<Place> places(int64_t since) const;

  /// The memory of all points and names.
  size_t bytes() const;

 private:
  struct Count {
    int64_t at;
    uint64_t heartbeats;
  };
  using NamedVersions = std::vector<std::pair<std::string, VersionSample>>;

  void add_fleet(size_t level, const Figures& figures, int64_t now);
  void add_point(size_t level, int64_t now);
  void drop_oldest(size_t level);
  void add_agents(const Figures& figures, int64_t now);
  void add_versions(Agent& agent, const NamedVersions& versions, int64_t now);
  Series* series_of(Agent& agent, const std::string& version, int64_t now);
  bool has_room(int64_t now, const Agent* agent);
  void drop_ended(int64_t now);
  size_t count_series() const;

  State state_;
  std::optional<Count> last_;                                  // of the last sample
  std::array<std::optional<Count>, kLevels.size()> before_{};  // of the sample before the last point of each level
};

}  // namespace ops::meta
