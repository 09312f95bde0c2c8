#pragma once

// Local times as text, for a million lines: localtime_r takes a lock and a microsecond, and a listing's times lie in a few
// different minutes.

#include <array>
#include <cstdint>
#include <string>

namespace ops::meta {

/// Not synchronised.
class LocalTimes {
 public:
  /// Appends "2026-11-22 08:10:44", local time as in the original, of seconds since 1970; "-" for what no calendar has.
  void append(std::string& to, int64_t seconds);

 private:
  struct Minute {
    int64_t number = -1;  // since 1970
    std::string text;     // up to the seconds; "" when the zone's minutes do not begin with ours, as some did long ago
  };
  std::array<Minute, 64> minutes_;  // by number, modulo the size
};

}  // namespace ops::meta
