#pragma once

// The events of rollouts (meta/events/event_log.h): begin, halt, continue, end, and the first failures of a release.
//
// ops-meta may learn of the same fact twice: after a restart, a host that failed reports it again, and the next lease looks
// like a begin. So the history knows the last event of each release, and notes only what differs:
//
//   last event          go()       halt()   end()
//   none                begin      halt     -
//   begin, continue     -          halt     end
//   halt                continue   -        end
//   end                 - (1)      halt     -
//
// (1) Until cfg.json changes: a new host that takes an established release is no rollout.

#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "meta/events/event_log.h"

namespace ops::meta {

/// Thread-safe. Borrows the log. Does nothing without one.
class RolloutHistory {
 public:
  using Release = std::pair<std::string, std::string>;  // agent, content_key()
  static constexpr size_t kMaxFailures = 10;            // hosts per rollout

  explicit RolloutHistory(EventLog* events) : events_(events) {}

  /// Continues after the events that the log read from its file. To be called before any other function.
  void restore();

  /// The host got a lease; so many hosts run the release.
  void go(const Release& release, const std::string& host, uint32_t running);
  void halt(const Release& release, const std::string& why);
  void end(const Release& release, const std::string& how);
  /// The release failed on the host. Does nothing for a failure that is known, or beyond kMaxFailures.
  void fail(const Release& release, const std::string& host, const std::string& phase, const std::string& error);
  /// cfg.json has changed.
  void forget_ended();

  /// The rollouts that began and did not end.
  std::vector<Release> open() const;

 private:
  struct State {
    std::optional<EventKind> last = {};
    std::set<std::string> failed = {};  // hosts
  };
  static constexpr size_t kMaxReleases = 10'000;

  State& state_of(const Release& release);

  EventLog* const events_;
  mutable std::mutex mutex_;
  std::map<Release, State> releases_;  // guarded by mutex_
};

}  // namespace ops::meta
