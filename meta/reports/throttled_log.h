#pragma once

// Warnings that any host or stranger can cause, as often as it likes: each subject is named in the log once an hour, and at
// most kMaxSubjects of them. One line an hour stands for those beyond. So neither the log nor the memory grows with an attack.

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <vector>

namespace ops::meta {

/// Synchronises itself. Time is an argument.
class ThrottledLog {
 public:
  using TimePoint = std::chrono::system_clock::time_point;
  static constexpr size_t kMaxSubjects = 1000;

  struct Note {
    std::string subject;
    std::string text;  // as the log has it
    TimePoint at;      // when it happened last

    bool operator==(const Note&) const = default;
  };
  struct Recent {
    uint64_t total = 0;        // calls of note() since the start
    size_t subjects = 0;       // of the last hour, kMaxSubjects at most
    std::vector<Note> latest;  // the last kExamples of them
  };
  static constexpr size_t kExamples = 3;

  /// The log says "{what} {subject}: {text}".
  explicit ThrottledLog(std::string what) : what_(std::move(what)) {}

  /// `text` is made only when the log is to have it.
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
  TimePoint full_since_{};  // when the log last said that there are more
};

}  // namespace ops::meta
