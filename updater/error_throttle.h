#pragma once

// Keeps an error that occurs in each round from filling the log. Any thread may use it.

#include <map>
#include <mutex>
#include <string>
#include <utility>

#include "updater/model/schedule.h"

namespace ops::updater {

class ErrorThrottle {
 public:
  /// Logs the error as a warning, unless the last one logged for this topic was the same and is less than an hour old. Digits
  /// are ignored: "after 3 ms" and "after 4 ms" are the same error.
  void warn(const std::string& topic, const std::string& error);

  /// The topic works again: its next error is logged at once.
  void forget(const std::string& topic) {
    const std::lock_guard lock(mutex_);
    last_.erase(topic);
  }

 private:
  std::mutex mutex_;
  std::map<std::string, std::pair<std::string, Clock::time_point>>
      last_;  // by topic: the error without digits, and when it was logged; guarded by mutex_
};

}  // namespace ops::updater
