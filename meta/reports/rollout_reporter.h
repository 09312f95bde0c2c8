#pragma once

// Makes fleet summaries (fleet_summary.h) for clients, logs the progress of each rollout, a few lines an hour, and notes its
// end in the history.

#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "common/daemon/metrics.h"
#include "common/http/message.h"
#include "meta/config/assignments.h"
#include "meta/hosts/host_table.h"
#include "meta/reports/change_reporter.h"
#include "meta/reports/fleet_scan.h"
#include "meta/reports/fleet_summary.h"
#include "meta/reports/rate_estimator.h"
#include "meta/rollout/controller.h"

namespace ops::meta {

/// Thread-safe. Borrows the table, the controller, the counters of heartbeats and the changes.
class RolloutReporter {
 public:
  using TimePoint = std::chrono::system_clock::time_point;

  /// `current` returns the assignments of the config in force.
  using Current = std::function<std::shared_ptr<const Assignments>()>;
  RolloutReporter(const HostTable& hosts, RolloutController& controller, const DurationHistogram& heartbeats,
                  const ThrottledLog& refused, const ChangeReporter& changes, Current current)
      : hosts_(hosts),
        controller_(controller),
        heartbeats_(heartbeats),
        refused_(refused),
        changes_(changes),
        current_(std::move(current)) {}

  /// To be called every kTick, by one thread. Samples the rates. While a rollout is in progress, scans the fleet once a minute
  /// (a fleet of kSmall hosts each time), logs the progress and notes the end.
  void tick(TimePoint now);
  static constexpr std::chrono::seconds kTick{10};
  static constexpr size_t kSmall = 10'000;  // hosts

  /// Blocks until a fresh scan is there.
  FleetSummary summary(TimePoint now);

  /// A body with what `write` makes of a summary with a fresh scan. If there is no fresh scan, the stream makes one first, one
  /// step per piece; streams that need a scan at the same time share it. A scan is fresh for kFreshFactor times the time that
  /// it took, at most kMaxFresh: so scans take a twentieth of a core at most.
  using Write = std::function<std::string(const FleetSummary&)>;
  BodyStream stream(Write write);
  static constexpr std::chrono::seconds kMaxFresh{10};
  static constexpr int kFreshFactor = 20;

 private:
  struct Progress {
    TimePoint began;
    TimePoint logged_at;
    Standstill standstill;
  };
  using Release = std::pair<std::string, std::string>;  // agent, version

  void sample_rates(const Assignments& assignments, TimePoint now);
  std::shared_ptr<const FleetScan> continue_scan(TimePoint asked_at);
  bool is_fresh(TimePoint asked_at) const;
  FleetSummary summary_of(std::shared_ptr<const FleetScan> scan, TimePoint now) const;
  bool is_any_inflight(const Assignments& assignments, TimePoint now) const;
  void log_progress(const FleetSummary& summary);
  void note_dropped(const Config& config) const;
  void note_ends(const FleetSummary& summary) const;

  const HostTable& hosts_;
  RolloutController& controller_;
  const DurationHistogram& heartbeats_;
  const ThrottledLog& refused_;
  const ChangeReporter& changes_;
  const Current current_;

  mutable std::mutex mutex_;
  RateEstimator heartbeat_rate_{std::chrono::minutes(1)};  // guarded by mutex_
  std::map<Release, RateEstimator> running_rates_;         // guarded by mutex_; of the hosts that run the release

  std::mutex scan_mutex_;
  // Guarded by scan_mutex_:
  std::shared_ptr<const Assignments> assignments_;  // of scanner_ and scan_
  std::unique_ptr<FleetScanner> scanner_;           // of the scan in progress; else null
  std::shared_ptr<const FleetScan> scan_;           // the last complete scan; null before the first
  std::chrono::nanoseconds scan_time_{};            // CPU time of the scan in progress, or of the last one

  // Used by tick() only:
  std::map<Release, Progress> progress_;  // of rollouts that are logged
  TimePoint checked_at_{};
};

}  // namespace ops::meta
