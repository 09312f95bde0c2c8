#pragma once

// The background worker: prepares one release at a time (install.h), while the loop goes on.

#include <functional>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "common/protocol/heartbeat.h"
#include "updater/release/install.h"

namespace ops::updater {

class FetchWorker {
 public:
  /// `on_end` is called from the worker's thread after each release that ends.
  FetchWorker(const Layout& layout, InstallLimits limits, std::function<void()> on_end)
      : layout_(layout), limits_(limits), on_end_(std::move(on_end)) {}

  struct Outcome {
    DesiredAgent agent;
    std::optional<PrepareError> error;
  };

  struct Progress {
    Phase phase = Phase::waiting;
    uint64_t done = 0;
    uint64_t total = 0;
  };

  /// Makes these the releases that are wanted, in this order: begins with the first when idle, and cancels the one under way
  /// when it is no longer among them.
  void want(const std::vector<DesiredAgent>& agents, const Trust& trust);

  /// What has ended since the last call; a cancelled one is not told of.
  std::optional<Outcome> take_outcome();

  /// nullopt unless a release of that agent is being prepared.
  std::optional<Progress> progress(const std::string& agent) const;

 private:
  struct Job {
    DesiredAgent agent;
    Progress progress;
    bool ended = false;
    bool cancelled = false;
    std::optional<PrepareError> error;
  };

  void work(const DesiredAgent& agent, const Trust& trust, const std::stop_token& cancel);

  const Layout& layout_;
  const InstallLimits limits_;
  const std::function<void()> on_end_;

  mutable std::mutex mutex_;
  std::optional<Job> job_;  // guarded by mutex_
  std::jthread thread_;     // last: it ends before what it uses does
};

}  // namespace ops::updater
