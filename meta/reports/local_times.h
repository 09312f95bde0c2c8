#pragma once

// Formats local times for listings of a million lines. localtime_r takes a lock and a microsecond, and the times of a listing
// are in a few different minutes, so the text of each minute is cached. Rejected: to cache the UTC offset instead. That needs a
// calendar of our own, and the same check of both ends of each cached period.

#include <array>
#include <cstdint>
#include <string>

namespace ops::meta {

/// Not thread-safe.
class LocalTimes {
 public:
  /// Appends seconds since 1970 as "2026-11-22 08:10:44", in local time like the original; "-" for a year that is out of range.
  void append(std::string& to, int64_t seconds);

 private:
  struct Minute {
    int64_t number = -1;  // minutes since 1970
    std::string text;  // without the seconds; "" if the UTC offset changes within the minute or is no whole number of minutes
  };
  std::array<Minute, 64> minutes_;  // by number, modulo the size
};

}  // namespace ops::meta
