#pragma once

// Takes the samples (samples.h) of the fleet and its rollouts from the counts that heartbeats keep, without a visit of hosts.

#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>

#include "common/base/result.h"
#include "common/daemon/metrics.h"
#include "meta/config/config.h"
#include "meta/hosts/host_table.h"
#include "meta/reports/samples.h"
#include "meta/rollout/controller.h"

namespace ops::meta {

/// Thread-safe. Borrows the table, the controller and the counters of heartbeats.
class Sampler {
 public:
  using TimePoint = std::chrono::system_clock::time_point;

  Sampler(const HostTable& hosts, RolloutController& controller, const DurationHistogram& heartbeats)
      : hosts_(hosts), controller_(controller), heartbeats_(heartbeats) {}

  /// To be called every 10 s. `silent`: hosts. Takes time per release that hosts report, not per host.
  void tick(const Config& config, int64_t silent, TimePoint now);

  /// See samples_file.h. To be called before tick(). A file that cannot be used is named in the log.
  void load(const std::string& path, TimePoint now, std::optional<std::chrono::seconds> since_save);
  /// Errors are in the log, once until a save succeeds.
  void save(const std::string& path, TimePoint now);

  /// Calls `read` with the samples. Neither heartbeats nor other requests wait for it.
  template <typename Read>
  auto read(const Read& read) const {
    const std::lock_guard lock(mutex_);
    return read(samples_);
  }

 private:
  Figures figures(const Config& config, int64_t silent, TimePoint now) const;

  const HostTable& hosts_;
  RolloutController& controller_;
  const DurationHistogram& heartbeats_;
  mutable std::mutex mutex_;
  Samples samples_;          // guarded by mutex_
  bool is_failing_ = false;  // used by save() only
};

}  // namespace ops::meta
