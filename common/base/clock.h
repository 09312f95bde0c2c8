#pragma once

// Time that a step of the wall clock does not change. Hosts boot with a wrong clock, and time synchronisation then corrects it
// by hours. A span is therefore measured by a clock without steps; the wall clock is only shown.
//
//   within a process          steady_now()
//   across restarts           BootTime: the kernel's CLOCK_BOOTTIME, which is valid until the next boot of the machine

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

namespace ops {

using WallTime = std::chrono::system_clock::time_point;

/// The time for all spans of this process, as if the wall clock were never set after the process started.
WallTime steady_now();

/// A time of steady_now() as the wall clock shows it now, in seconds since 1970: to show and to save.
int64_t to_wall_seconds(WallTime steady);

/// A moment for another process.
struct BootTime {
  std::string boot_id;  // of /proc/sys/kernel/random/boot_id; "" if it is unknown
  int64_t seconds = 0;  // since the boot, the time in suspend included
  int64_t wall = 0;     // seconds since 1970

  bool operator==(const BootTime&) const = default;
};

BootTime boot_time();

/// The seconds from `then` to `now`; never negative. After another boot, it is the time since that boot: the time before is not
/// known. If a boot id is unknown, the difference of the wall clocks.
int64_t seconds_between(const BootTime& then, const BootTime& now);

}  // namespace ops
