#pragma once

// The numbers of rollouts that need a visit of each host: which release the config assigns to the host, whether the host waits,
// whether it is silent, and its error. ops-meta counts all other numbers as heartbeats arrive (releases.h). A scan of a million
// hosts takes half a second, in steps that block heartbeats for a moment only.

#include <array>
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
#include "meta/hosts/survey.h"
#include "meta/rollout/leases.h"

namespace ops::meta {

inline constexpr size_t kMaxExamples = 3;      // hostnames
inline constexpr size_t kMaxErrorTexts = 200;  // different texts per release; all others are counted as kOtherErrors
inline constexpr std::string_view kOtherErrors = "(other errors)";

struct HostsOf {
  uint32_t count = 0;
  std::vector<std::string> examples;  // the first kMaxExamples, by name

  void add(std::string_view host);
  bool operator==(const HostsOf&) const = default;
};

/// A release that the config assigns to at least one host.
struct ReleaseScan {
  uint32_t assigned = 0;  // hosts that should run it
  uint32_t waiting = 0;   // of these: have another version or none, did not fail, have no lease, are neither held nor silent
  uint32_t absent = 0;    // the same, but silent
  uint32_t held = 0;      // an operator holds the agent there
  /// Errors that hosts report of their update to it, the most frequent first. Texts that differ in digits only are one.
  std::vector<std::pair<std::string, HostsOf>> errors;
  std::array<HostsOf, kTroubles.size()> late;  // hosts in late trouble (meta/hosts/survey.h), by Trouble

  bool operator==(const ReleaseScan&) const = default;
};

struct FleetScan {
  std::shared_ptr<const Assignments> assignments;  // of the scan; null before the first scan
  std::chrono::system_clock::time_point taken_at{};
  std::string oldest_host;  // the host with the oldest last heartbeat; "" without hosts
  std::chrono::system_clock::time_point oldest_heard_at{};
  HostsOf silent;                                                                              // for silent_after()
  std::map<std::string, std::map<std::string, ReleaseScan, std::less<>>, std::less<>> agents;  // by agent and version

  /// All zero if the config does not assign the release.
  const ReleaseScan& of(std::string_view agent, std::string_view version) const;
};

/// A host is silent after three of its intervals without a heartbeat. Without a reported interval, the config's counts, or 5
/// minutes if it sets none.
bool is_silent(const HostView& host, const Config& config, std::chrono::system_clock::time_point now);

/// The number of silent hosts, for a metric. Visits all hosts, in steps that block heartbeats for a moment only: 0.1 s for a
/// million.
size_t count_silent(const HostTable& hosts, const Config& config, std::chrono::system_clock::time_point now);

/// Makes one scan. Borrows the table and the leases.
class FleetScanner {
 public:
  using TimePoint = std::chrono::system_clock::time_point;

  FleetScanner(const HostTable& hosts, const Leases& leases, std::shared_ptr<const Assignments> assignments, TimePoint now);

  /// Scans some more hosts, for a few milliseconds. False when all hosts are scanned.
  bool step();

  /// To be called once, after the last step.
  FleetScan result();

 private:
  using Errors = std::map<std::string, std::pair<std::string, HostsOf>>;  // the key is the text without its digits
  struct Agent {
    std::map<std::string, std::pair<ReleaseScan, Errors>, std::less<>> versions;
  };

  void scan(const HostView& host);
  void scan(const HostView& host, bool is_silent, const DesiredAgent& desired, Agent& agent);

  const Leases& leases_;
  const std::shared_ptr<const Assignments> assignments_;
  FleetScan scan_;
  std::vector<Agent> agents_;  // in the order of the config
  HostWalk walk_;
};

}  // namespace ops::meta
