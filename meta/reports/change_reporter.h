#pragma once

// Warns of a change of the config that stops or drops an agent, goes back to an older version, or replaces the content of a
// version: a line in the log, and a notice in /status/summary and on the page for an hour.
//
// Notes each change in the history as well, whether it is dangerous or not: an event per agent (event_log.h).
//
// A reload compares the new config with the one before. A start compares it with the config that the last run used, which
// ops-meta keeps in var/config.json for this purpose (the agents only, secrets in URLs masked).

#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "meta/config/assignments.h"
#include "meta/events/event_log.h"
#include "meta/hosts/host_table.h"
#include "meta/reports/config_change.h"

namespace ops::meta {

inline constexpr char kSavedConfigFile[] = "var/config.json";

struct ChangeNotice {
  std::chrono::system_clock::time_point at;  // by steady_now()
  ConfigChange change;
};

/// Thread-safe. Borrows the table and the history.
class ChangeReporter {
 public:
  using TimePoint = std::chrono::system_clock::time_point;
  static constexpr std::chrono::hours kShown{1};
  static constexpr size_t kMaxNoted = 8;

  explicit ChangeReporter(const HostTable& hosts, EventLog* events = nullptr) : hosts_(hosts), events_(events) {}

  /// `wake` makes the main thread call report(): the comparison visits all hosts, which takes a second for a million. To be
  /// called before any thread calls note().
  void set_wake(std::function<void()> wake) { wake_ = std::move(wake); }

  /// Notes the change from the config in the file `path` to the one in force, and keeps each further config in the file. A
  /// missing or damaged file means that there is no change. Returns whether there is one. To be called before any thread calls
  /// note().
  bool keep_in(std::string path, const std::shared_ptr<const Assignments>& in_force, TimePoint now);

  /// To be called when `after` has come into force. Beyond kMaxNoted changes before a report(), the last ones are reported as
  /// one. `by`: the operator, as in Event; "" at a start.
  void note(std::shared_ptr<const Assignments> before, std::shared_ptr<const Assignments> after, TimePoint now,
            std::string by = "");

  /// Compares the configs of each noted change. Logs a dangerous change, and keeps it for recent(). The return to the config
  /// before such a change ends its notice.
  void report();

  /// The last dangerous change, if it is less than kShown old.
  std::optional<ChangeNotice> recent(TimePoint now) const;

 private:
  struct Noted {
    std::shared_ptr<const Assignments> before;
    std::shared_ptr<const Assignments> after;
    TimePoint at;
    std::string by;
  };
  void report(const Noted& noted);
  void note_events(const Noted& noted, const ConfigChange& change) const;
  void save(const Config& config) const;

  const HostTable& hosts_;
  EventLog* const events_;
  std::function<void()> wake_;
  std::string path_;  // "" to keep no file

  mutable std::mutex mutex_;
  std::deque<Noted> noted_;                           // guarded by mutex_; the oldest first
  std::optional<ChangeNotice> notice_;                // guarded by mutex_
  std::shared_ptr<const Assignments> before_notice_;  // guarded by mutex_
};

}  // namespace ops::meta
