#pragma once

// What is known of rollouts only by looking at each host: where the config wants what, who waits, who is silent, what went
// wrong. All else is counted as heartbeats come (releases.h). It goes through a million hosts in half a second, some at a time,
// so that no heartbeat waits for it.

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "meta/config/assignments.h"
#include "meta/hosts/host_table.h"
#include "meta/hosts/host_walk.h"
#include "meta/rollout/policy.h"

namespace ops::meta {

inline constexpr size_t kMaxExamples = 3;      // hosts that are named
inline constexpr size_t kMaxErrorTexts = 200;  // different ones, of a release; those beyond are one
inline constexpr std::string_view kOtherErrors = "(other errors)";

struct HostsOf {
  uint32_t count = 0;
  std::vector<std::string> examples;  // the first kMaxExamples, by name

  void add(std::string_view host);
  bool operator==(const HostsOf&) const = default;
};

/// A release that the config wants somewhere.
struct ReleaseScan {
  uint32_t desired = 0;  // hosts that should run it
  uint32_t held = 0;     // of these, who have another version or none, didn't fail, have no lease, and are not silent
  uint32_t absent = 0;   // the same, but silent
  /// What hosts on their way to it report, most frequent first. Texts that differ in numbers only are one.
  std::vector<std::pair<std::string, HostsOf>> errors;

  bool operator==(const ReleaseScan&) const = default;
};

struct FleetScan {
  std::shared_ptr<const Assignments> desired;  // what it was taken for; null of one that was never taken
  std::chrono::system_clock::time_point taken_at{};
  std::string oldest_host;  // who was unheard of for the longest time; "" without hosts
  std::chrono::system_clock::time_point oldest_heard_at{};
  HostsOf silent;                                                                              // unheard of for three intervals
  std::map<std::string, std::map<std::string, ReleaseScan, std::less<>>, std::less<>> agents;  // by agent and version

  /// All zero when there is none.
  const ReleaseScan& of(std::string_view agent, std::string_view version) const;
};

/// Three intervals of the config, or of 5 minutes when it leaves that to the hosts.
std::chrono::seconds silent_after(const Config& config);

/// Takes a census. Borrows the table and the leases.
class FleetScanner {
 public:
  using TimePoint = std::chrono::system_clock::time_point;

  FleetScanner(const HostTable& hosts, const Leases& leases, std::shared_ptr<const Assignments> desired, TimePoint now);

  /// Goes on with some hosts, for a few milliseconds; false when all were seen.
  bool step();

  /// To be called once, at the end.
  FleetScan result();

 private:
  using Errors = std::map<std::string, std::pair<std::string, HostsOf>>;  // by the text without its numbers: it as first seen
  struct Agent {
    std::map<std::string, std::pair<ReleaseScan, Errors>, std::less<>> versions;
  };

  void look_at(const HostView& host);
  void look_at(const HostView& host, bool is_silent, const DesiredAgent& desired, Agent& agent);

  const Leases& leases_;
  const std::shared_ptr<const Assignments> desired_;
  const TimePoint silent_before_;
  FleetScan scan_;
  std::vector<Agent> agents_;  // by their place in the config
  HostWalk walk_;
};

}  // namespace ops::meta
