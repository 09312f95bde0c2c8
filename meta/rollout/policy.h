#pragma once

// Which hosts may change to a version now: a release that does not work must stop itself.
//
// For each release (an agent in a version):
//   running    hosts that report it started and past probation            |  by what hosts report (host_table.h)
//   proven     the most hosts that ever ran it at once                    |
//   broken     hosts that report it failed or rolled back                 |
//   inflight   hosts that were told it, and have not said yet how it went: their leases
//   overdue    hosts whose lease is over `timeout` without that; they count as failed until they say otherwise
//
// A host that should change gets the version while
//     inflight < min(parallel, max(1, proven))     (4 of them, while it failed on some host and fewer than 100 ever ran it)
//     and not halted,
//     halted = failed >= max_failures and failed / (failed + running) > max_failure_rate %,   failed = broken + overdue.
//
// So a release begins with one host, and doubles as hosts succeed: with n hosts running it, at most n more are on their way.
// One that fails everywhere reaches max_failures hosts, one at a time; one that fails on a fifth reaches 18 hosts on average,
// and more than 60 once in 700 times: without the 4, once in 30 times, when it is lucky at first. What was proven stays
// proven: to go back to yesterday's version takes one interval.
//
// What a host is told of an agent that should be started (controller.h has the code):
//
//   the host reports                                    it is told
//   the desired version                                 that; its lease ends once it runs, past probation
//   that the desired version failed or was rolled back  that again, which keeps it latched there; its lease ends
//   another version, or none, and has a lease           the desired version
//   another version, or none, and the rule lets it go   the desired version, and gets a lease
//   another version, else                               its own version, so that it stays supervised
//   none, else                                          nothing of this agent
//
// So neither `stop` nor a host that has its version is ever held up. A host that changes without having been told (it was
// told by another ops-meta, or before a crash of this one) needs no lease: what it reports counts.
//
// A Go updater reports no phases: its first heartbeat with the version, started, ends the lease. So five of them, told one,
// one, two and one at a time, take four intervals. (Four at a time after the first would be faster; a release that works on the
// first host only would then stop the agent on all others of such a site at once, and a Go updater rolls nothing back.)

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "meta/config/config.h"
#include "meta/hosts/releases.h"

namespace ops::meta {

enum class Admission {
  go,
  wait,    // others first
  halted,  // too many failed
};

/// The caution with a release that failed somewhere, until it has shown itself on so many hosts.
inline constexpr uint32_t kCautiousBelow = 100;
inline constexpr uint32_t kCautiousAtOnce = 4;

/// How many hosts may be on their way at a time. `failed` is broken + overdue.
uint32_t max_inflight(const RolloutLimits& limits, uint32_t peak_running, uint32_t failed);

/// The rule: a pure function.
Admission admit(const RolloutLimits& limits, uint32_t running, uint32_t peak_running, uint32_t failed, uint32_t inflight);

/// Hosts that were told a version. Synchronises itself; a decision takes a microsecond. Time is an argument.
class Leases {
 public:
  using Clock = std::chrono::system_clock;
  using TimePoint = Clock::time_point;

  /// Whether the host is told the version, which it does not have yet. Asked again, the answer stays `go`.
  Admission ask(std::string_view agent, std::string_view version, std::string_view host, const RolloutLimits& limits,
                const RolloutReports& reports, TimePoint now);

  /// The host's lease of the agent, for those who want to know.
  struct Lease {
    std::string version;
    TimePoint granted_at;
    bool is_overdue = false;
  };
  std::optional<Lease> find(std::string_view agent, std::string_view host) const;

  /// The host has said how it went, in one way or the other, or wants no change any more.
  void end(std::string_view agent, std::string_view host);

  struct Counts {
    uint32_t inflight = 0;
    uint32_t overdue = 0;

    bool operator==(const Counts&) const = default;
  };
  Counts counts(std::string_view agent, std::string_view version, const RolloutLimits& limits, TimePoint now);

  /// How many were ever given.
  uint64_t granted() const;

  /// A lease, to be saved; and what was saved.
  struct Saved {
    std::string agent;
    std::string version;
    std::string host;
    int64_t granted_at = 0;  // seconds since 1970

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

  struct Grant {
    std::string host;
    TimePoint granted_at;
  };
  struct Agent {
    ByText<Lease> by_host;
    std::deque<Grant> grants;  // in the order of time; those whose lease has ended or was renewed mean nothing
    ByText<Counts> by_version;
  };

  void expire(Agent& agent, std::chrono::seconds timeout, TimePoint now);
  static void count(Agent& agent, const Lease& lease, int change);

  mutable std::mutex mutex_;
  ByText<Agent> agents_;  // guarded by mutex_
  uint64_t granted_ = 0;  // guarded by mutex_
};

}  // namespace ops::meta
