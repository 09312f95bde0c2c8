#pragma once

// The leases of rollouts, and the turns of hosts. A host's turn for a release begins with its lease, or with a report that the
// release failed on the host:
//
//   turn       the host                                                                    counted as
//   inflight   has a lease and has not reported the result                                 inflight
//   overdue    the same, but the lease is older than `timeout`                             overdue
//   stuck      has a lease, and has not switched because its attempts fail (404, disk full)  stuck
//   failed     reports that the release failed                                             - (its report: RolloutReports)
//   withdrawn  reported that before, and now wants the release again                       withdrawn, while other hosts wait
//   done       had its turn: it reported success, or that it holds the agent               -
//
// A host that had its turn and wants the release again is last in the queue: it gets a lease only when all hosts that wait have
// had their turn. Otherwise one host could stop any release for ever: it takes the first slot, reports a failure, forgets it,
// and takes the slot again. For the same reason its failure counts until then.
//
// A stuck host keeps its lease and tries again, but its slot is free for another host (slots_in_use()). When its error is gone,
// `timeout` begins again; the host stays stuck until it reports the result.
//
// A host waits from the heartbeat in which it got no lease, for three of its intervals or until it gets one. kMaxWaiting hosts
// of a release are noted. Hosts that run the release are noted as done only while its peak is below kCautiousBelow: beyond, one
// slot more or less does not matter. A host has one turn per agent: it ends when the config assigns another release.

#include <chrono>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "meta/config/config.h"
#include "meta/hosts/releases.h"
#include "meta/rollout/policy.h"
#include "meta/rollout/turn.h"

namespace ops::meta {

/// The parts of a heartbeat that Leases::request() uses.
struct HostReport {
  std::chrono::seconds interval{0};  // 0: the host reports none
  std::string_view error;            // of its last attempt to take the release; "" if there is none
};

/// The leases and turns of all agents. Thread-safe. A decision takes a microsecond.
class Leases {
 public:
  using Clock = std::chrono::system_clock;
  using TimePoint = Clock::time_point;

  /// Decides whether the host may change to the version, and grants a lease on `go`. The reports are those of with_soak(). A
  /// host with a lease of this version gets `go` again; a lease or a turn of another version of the agent ends.
  Admission request(std::string_view agent, std::string_view version, std::string_view host, const RolloutLimits& limits,
                    const RolloutReports& reports, TimePoint now, const HostReport& report = {});

  struct Lease {
    std::string version;
    TimePoint granted_at;
    bool is_overdue = false;
    bool is_stuck = false;
    std::string error;  // of a stuck host
  };
  std::optional<Lease> find(std::string_view agent, std::string_view host) const;

  /// Whether the host has a lease or had its turn, for any release of the agent.
  bool has_turn(std::string_view agent, std::string_view host) const;

  /// To be called for the assigned version when the host runs it past its probation, reports that it failed, or holds the
  /// agent. Each ends the lease.
  void succeed(std::string_view agent, std::string_view version, std::string_view host, uint32_t peak);
  void fail(std::string_view agent, std::string_view version, std::string_view host);
  void hold(std::string_view agent, std::string_view version, std::string_view host);

  /// To be called when the host should not change any more. Its turn ends.
  void end(std::string_view agent, std::string_view host);

  struct Counts {
    uint32_t inflight = 0;
    uint32_t overdue = 0;
    uint32_t withdrawn = 0;
    uint32_t stuck = 0;
    uint32_t same_error = 0;  // stuck hosts with the most frequent error

    bool operator==(const Counts&) const = default;
  };
  /// Of a content_key(); of a version: of all its contents.
  Counts counts(std::string_view agent, std::string_view version, const RolloutLimits& limits, TimePoint now);

  /// Whether the host counts as failed for the version, with any content.
  bool has_failed(std::string_view agent, std::string_view version, std::string_view host) const;

  /// The hosts with a lease in flight, the oldest lease first, `limit` at most.
  std::vector<std::pair<std::string, TimePoint>> holders(std::string_view agent, std::string_view version, size_t limit) const;

  /// The most frequent error of the stuck hosts; "" if there is none.
  std::string common_error(std::string_view agent, std::string_view version) const;

  /// Leases granted since the start.
  uint64_t granted() const;

  /// A lease or a turn in rollout_snapshot.h.
  struct Saved {
    std::string agent;
    std::string version;
    std::string host;
    int64_t granted_at = 0;  // seconds since 1970
    Turn turn = Turn::inflight;
    bool has_failed = false;

    bool operator==(const Saved&) const = default;
  };
  std::vector<Saved> all() const;
  void restore(std::vector<Saved> leases);

 private:
  struct TextHash : std::hash<std::string_view> {
    using is_transparent = void;
  };
  template <typename Value>
  using ByText = std::unordered_map<std::string, Value, TextHash, std::equal_to<>>;

  struct Entry {
    std::string version;
    TimePoint granted_at{};
    Turn turn = Turn::inflight;
    bool has_failed = false;  // at some time in this turn
    std::string error;        // of a stuck host
  };
  struct Grant {
    std::string host;
    TimePoint granted_at;
  };
  struct Release {
    Counts counts;              // of all hosts, also while no host waits
    ByText<TimePoint> waiting;  // until when a host waits that has had no turn; kMaxWaiting at most
    ByText<uint32_t> errors;    // stuck hosts by error_form(); kMaxErrors at most
  };
  struct Agent {
    ByText<Entry> by_host;
    std::deque<Grant> grants;  // the oldest first; a grant whose lease has ended or was replaced is ignored
    ByText<Release> by_version;
  };

  static void expire(Agent& agent, std::chrono::seconds timeout, TimePoint now);
  static void count(Agent& agent, const Entry& entry, int change);
  static void set_turn(Agent& agent, Entry& entry, Turn turn, std::string_view error = {});
  static void note_error(Agent& agent, std::string_view host, Entry& entry, std::string_view error, TimePoint now);
  static void erase(Agent& agent, ByText<Entry>::iterator entry);
  /// Removes the hosts that wait no more.
  static Counts counts(Release& release, TimePoint now);
  static bool is_idle(const Release& release, TimePoint now);
  /// Calls use(agent, entry) if the host has an entry of this version. An entry of another version is erased.
  template <typename Use>
  bool with_entry(std::string_view agent, std::string_view version, std::string_view host, const Use& use);

  mutable std::mutex mutex_;
  ByText<Agent> agents_;  // guarded by mutex_
  uint64_t granted_ = 0;  // guarded by mutex_
};

/// How many slots are taken. Stuck hosts take none, up to kCautiousInflight or the peak: when they can take the release at
/// last, they change together.
uint32_t slots_in_use(const Leases::Counts& counts, uint32_t peak);

/// Whether the release is halted because hosts cannot take it: no host ever ran it, and kSameError hosts, or max_failures if
/// that is more, have the same error.
bool cannot_be_taken(const RolloutLimits& limits, const RolloutReports& reports, const Leases::Counts& counts);
inline constexpr uint32_t kSameError = 3;  // hosts

}  // namespace ops::meta
