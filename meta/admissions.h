#pragma once

// Applies the rule of rollout.h to heartbeats: what a host is told of each agent.

#include <atomic>
#include <chrono>
#include <mutex>
#include <set>
#include <string>

#include "common/heartbeat.h"
#include "meta/host_table.h"
#include "meta/rollout.h"

namespace ops::meta {

/// What a host is told of an agent.
enum class Told {
  desired,  // what should run there
  own,      // the version that it has
  nothing,
};

/// A release, as a rollout sees it.
struct RolloutState {
  RolloutReports reports;
  Leases::Counts leases;
  bool is_halted = false;
};

/// Synchronises itself. Borrows the table, which must have recorded a heartbeat before it is asked about.
class Admissions {
 public:
  using TimePoint = Leases::TimePoint;

  explicit Admissions(const HostTable& hosts) : hosts_(hosts) {}

  Told tell(const DesiredAgent& desired, const RolloutLimits& limits, const HeartbeatRequest& heartbeat, TimePoint now);

  RolloutState state(std::string_view agent, std::string_view version, const RolloutLimits& limits, TimePoint now);

  /// After a start that does not know what went before (a crash, no saved leases), no host changes a version that it has
  /// until all had the time to say what they run: kLearnFor, or an agent's `timeout` if that is shorter.
  void learn_first(TimePoint now) { learning_since_ = now; }
  static constexpr std::chrono::seconds kLearnFor{360};  // an updater's default interval, and a fifth

  const Leases& leases() const { return leases_; }
  /// How often a release was halted.
  uint64_t halts() const { return halts_; }
  void restore(std::vector<Leases::Saved> leases) { leases_.restore(std::move(leases)); }

 private:
  void tell_the_log(const DesiredAgent& desired, const std::string& host, Admission admission, const RolloutReports& reports);

  const HostTable& hosts_;
  Leases leases_;
  TimePoint learning_since_{};  // set before any thread asks
  std::atomic<uint64_t> halts_ = 0;

  std::mutex mutex_;
  std::set<std::string> begun_;   // guarded by mutex_: releases, as "agent version", of which the log has told
  std::set<std::string> halted_;  // guarded by mutex_
};

}  // namespace ops::meta
