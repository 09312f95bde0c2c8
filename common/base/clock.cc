#include "common/base/clock.h"

#include <time.h>

#include <algorithm>

#include "common/base/file.h"
#include "common/base/text.h"

namespace ops {

namespace {

using std::chrono::seconds;
using Steady = std::chrono::steady_clock;

// A machine without a battery for its clock boots in 1970. Ages must be possible before that, and 32 bits of seconds after it.
constexpr WallTime kEarliest{seconds(1'000'000'000)};
constexpr WallTime kLatest{seconds(3'000'000'000)};

WallTime wall_now() { return std::chrono::system_clock::now(); }

}  // namespace

WallTime steady_now() {
  static const Steady::time_point started_at = Steady::now();
  static const WallTime started_at_wall = std::clamp(wall_now(), kEarliest, kLatest);
  return started_at_wall + std::chrono::duration_cast<WallTime::duration>(Steady::now() - started_at);
}

int64_t to_wall_seconds(WallTime steady) {
  const auto ahead = std::chrono::round<seconds>(wall_now() - steady_now());
  return std::chrono::floor<seconds>(steady + ahead).time_since_epoch().count();
}

BootTime boot_time() {
  timespec since_boot{};
  ::clock_gettime(CLOCK_BOOTTIME, &since_boot);
  static const auto id = read_file("/proc/sys/kernel/random/boot_id", 64);
  return {id ? std::string(trim(*id)) : std::string(), since_boot.tv_sec, std::chrono::system_clock::to_time_t(wall_now())};
}

int64_t seconds_between(const BootTime& then, const BootTime& now) {
  if (then.boot_id.empty() || now.boot_id.empty()) return std::max<int64_t>(0, now.wall - then.wall);
  return std::max<int64_t>(0, then.boot_id == now.boot_id ? now.seconds - then.seconds : now.seconds);
}

}  // namespace ops
