#pragma once

// Errors that come back each round, logged once.

#include <map>
#include <string>
#include <utility>

#include "updater/model/schedule.h"

namespace ops::updater {

class ErrorThrottle {
 public:
  /// Logs the error, unless the same was logged about this topic within the hour. Numbers in it don't count: "after 3 ms" and
  /// "after 4 ms" are the same complaint.
  void warn(const std::string& topic, const std::string& error);

  /// The topic is well again: its next error is news.
  void forget(const std::string& topic) { last_.erase(topic); }

 private:
  std::map<std::string, std::pair<std::string, Clock::time_point>> last_;  // by topic: the error without digits, and when
};

}  // namespace ops::updater
