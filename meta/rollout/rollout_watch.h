#pragma once

// The rollouts that are under way, and the last survey of each (meta/hosts/survey.h). A rollout begins with the first host that
// asks for a release, and ends when no host has asked for it for an hour, or for 12 intervals if that is longer.

#include <atomic>
#include <chrono>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "meta/config/config.h"
#include "meta/hosts/host_table.h"
#include "meta/hosts/survey.h"

namespace ops::meta {

/// Thread-safe.
class RolloutWatch {
 public:
  using TimePoint = std::chrono::system_clock::time_point;

  explicit RolloutWatch(HostTable& hosts) : hosts_(hosts) {}

  /// To be called when a host that does not have the release may change to it, by the rule. Makes a survey if one is due and
  /// the table is small.
  void ask(std::string_view agent, std::string_view version, const RolloutLimits& limits, TimePoint now);

  /// To be called every few seconds, by one thread. Makes a survey while a rollout is under way.
  void tick(TimePoint now);

  /// Whether a release of the agent is in a rollout. Fast when no rollout is under way.
  bool is_watching(std::string_view agent) const;

  struct Rollout {
    std::string agent;
    std::string version;
    TimePoint began;
    TimePoint asked_at;  // last
    std::chrono::seconds soak{-1};
    Cohort before;  // the control group of the first survey
    bool is_surveyed = false;
    Survey survey;  // the last one

    bool operator==(const Rollout&) const = default;
  };
  /// All empty if the release is in no rollout.
  Rollout find(std::string_view agent, std::string_view version) const;

  /// For rollout_snapshot.h.
  std::vector<Rollout> all() const;
  void restore(std::vector<Rollout> rollouts);

 private:
  /// The pause between two surveys: a thirtieth of the interval, 10 s at most, and never more than 1 % of a core.
  std::chrono::nanoseconds pause() const;
  void listen(TimePoint now);
  void survey(TimePoint now);

  HostTable& hosts_;
  std::atomic<size_t> count_ = 0;  // of rollouts_

  mutable std::mutex mutex_;
  // Guarded by mutex_:
  std::map<std::string, Rollout, std::less<>> rollouts_;  // by "agent version"
  TimePoint seen_at_{};                                   // of the last call
  TimePoint listening_{};  // since when heartbeats can arrive: since the start, or the end of a suspension of the machine
  TimePoint surveyed_at_{};

  std::mutex survey_mutex_;  // held during a survey
};

}  // namespace ops::meta
