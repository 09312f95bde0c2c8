#pragma once

// Limits log lines that any client can cause. Each subject (a host or an address) is logged once an hour. At most kMaxSubjects
// subjects are logged per hour; one line an hour stands for the rest. So an attack fills neither the log nor the memory.

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <vector>

namespace ops::meta {

/// Thread-safe.
class ThrottledLog {
 public:
  using TimePoint = std::chrono::system_clock::time_point;
  static constexpr size_t kMaxSubjects = 1000;

  struct Note {
    std::string subject;
    std::string text;  // as it was logged
    TimePoint at;      // of the last event

    bool operator==(const Note&) const = default;
  };
  struct Recent {
    uint64_t total = 0;        // events since the start
    size_t subjects = 0;       // in the last hour, kMaxSubjects at most
    std::vector<Note> latest;  // the kExamples latest of these subjects, the latest first
  };
  static constexpr size_t kExamples = 3;

  /// A log line is "{what} {subject}: {text}".
  explicit ThrottledLog(std::string what) : what_(std::move(what)) {}

  /// Records an event. Calls `text` only if a line is logged.
  void note(const std::string& subject, TimePoint now, const std::function<std::string()>& text);

  Recent recent(TimePoint now) const;

 private:
  struct Entry {
    std::string text;
    TimePoint logged_at;
    TimePoint at;
  };

  bool has_room(TimePoint now);

  const std::string what_;
  mutable std::mutex mutex_;
  // All guarded by mutex_:
  std::map<std::string, Entry> entries_;  // by subject
  uint64_t total_ = 0;
  TimePoint full_since_{};  // time of the last line about further subjects
};

}  // namespace ops::meta
