#pragma once

// Fetches releases in a thread of its own, one at a time (install.h says how), while the main loop runs.

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
  /// `on_end` is called from the worker's thread after each fetch, also after a cancelled one.
  FetchWorker(const Layout& layout, InstallLimits limits, std::function<void()> on_end)
      : layout_(layout), limits_(limits), on_end_(std::move(on_end)) {}

  struct Outcome {
    DesiredAgent agent;
    std::optional<FetchError> error;
  };

  struct Progress {
    std::string agent;
    Phase phase = Phase::waiting;
    uint64_t done = 0;   // bytes
    uint64_t total = 0;  // bytes; 0 while the size is unknown
  };

  /// Sets the releases to fetch, in this order. When idle, the worker starts with the first. It cancels the fetch that runs
  /// when that release is not in the list; when the cancelled fetch has ended, the caller must take its outcome and call this
  /// again.
  void want(const std::vector<DesiredAgent>& agents, const Trust& trust);

  /// The outcome of the fetch that has ended. nullopt when none has, and for a cancelled one.
  std::optional<Outcome> take_outcome();

  /// nullopt when no release is being fetched.
  std::optional<Progress> progress() const;

 private:
  struct Job {
    DesiredAgent agent;
    Progress progress;
    bool ended = false;
    bool cancelled = false;
    std::optional<FetchError> error;
  };

  void work(const DesiredAgent& agent, Trust trust, const std::stop_token& cancel);

  const Layout& layout_;
  const InstallLimits limits_;
  const std::function<void()> on_end_;

  mutable std::mutex mutex_;
  std::optional<Job> job_;  // guarded by mutex_
  std::string mismatched_;  // the agent whose last tarball had another checksum; used by the worker's thread only
  std::jthread thread_;     // last: it is joined before the members that it uses are destroyed
};

}  // namespace ops::updater
