#pragma once

// Watches over the rollouts: makes overviews (fleet_summary.h) for whoever asks, and tells the log each rollout's story, a few
// lines an hour.

#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "common/daemon/metrics.h"
#include "common/http/message.h"
#include "meta/config/assignments.h"
#include "meta/hosts/host_table.h"
#include "meta/reports/fleet_scan.h"
#include "meta/reports/fleet_summary.h"
#include "meta/reports/rate_estimator.h"
#include "meta/rollout/controller.h"

namespace ops::meta {

/// Synchronises itself. Borrows the table, the controller, and what is known of heartbeats.
class RolloutReporter {
 public:
  using TimePoint = std::chrono::system_clock::time_point;

  /// `desired` gives the config that is in force.
  using Current = std::function<std::shared_ptr<const Assignments>()>;
  RolloutReporter(const HostTable& hosts, RolloutController& controller, const DurationHistogram& heartbeats,
                  const ThrottledLog& refused, Current desired)
      : hosts_(hosts), controller_(controller), heartbeats_(heartbeats), refused_(refused), desired_(std::move(desired)) {}

  /// To be called every kTick. While a rollout is under way it takes a census once a minute, for the log.
  void tick(TimePoint now);
  static constexpr std::chrono::seconds kTick{10};

  /// The overview; waits for a census if it has to.
  FleetSummary look(TimePoint now);

  /// What `write` makes of an overview whose census is fresh; first it takes one, piece by piece, if it has to. Those who ask
  /// at a time share it. A census is fresh for kRest times as long as it took, but for kFresh at most.
  using Write = std::function<std::string(const FleetSummary&)>;
  BodyStream stream(Write write);
  static constexpr std::chrono::seconds kFresh{10};
  static constexpr int kRest = 20;

 private:
  struct Story {
    TimePoint begun;
    TimePoint told;
  };
  using Release = std::pair<std::string, std::string>;  // agent, version

  void note_paces(const Assignments& desired, TimePoint now);
  std::shared_ptr<const FleetScan> go_on(TimePoint asked_at);
  bool is_fresh(TimePoint asked_at) const;
  FleetSummary summary(std::shared_ptr<const FleetScan> scan, TimePoint now) const;
  bool is_any_under_way(const Assignments& desired, TimePoint now) const;
  void tell_stories(const FleetSummary& summary);

  const HostTable& hosts_;
  RolloutController& controller_;
  const DurationHistogram& heartbeats_;
  const ThrottledLog& refused_;
  const Current desired_;

  mutable std::mutex mutex_;
  RateEstimator pace_{std::chrono::minutes(1)};  // guarded by mutex_
  std::map<Release, RateEstimator> paces_;       // guarded by mutex_; of hosts that run it

  std::mutex census_mutex_;
  // Guarded by census_mutex_:
  std::shared_ptr<const Assignments> taken_for_;  // the config of these two
  std::unique_ptr<FleetScanner> taker_;           // of one that is being taken: all who want it take it together
  std::shared_ptr<const FleetScan> scan_;         // the last one; null before
  std::chrono::nanoseconds effort_{};             // that was spent on the last one, or on this so far

  // Of tick() alone:
  std::map<Release, Story> stories_;
  TimePoint told_at_{};
};

}  // namespace ops::meta
