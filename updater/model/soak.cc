#include "updater/model/soak.h"

namespace ops::updater {

namespace {

bool is_same_boot(const Soak& soak, const BootTime& now) { return soak.boot_id == now.boot_id; }

template <typename Span>
void end_after(Span& span, int64_t length, const BootTime& now) {
  span.until = now.wall + length;
  span.boot_id = now.boot_id;
  span.until_since_boot = now.seconds + length;
}

}  // namespace

void set_end(Probation& probation, int64_t length, const BootTime& now) { end_after(probation, length, now); }

Soak soak_after(const Probation& probation, const BootTime& now) {
  Soak soak{probation.version, probation.checksum, probation.previous, probation.soak};
  end_after(soak, soak.seconds, now);
  return soak;
}

bool note_start(State& state, const std::string& version, const BootTime& now) {
  if (!state.soak) return false;
  Soak& soak = *state.soak;
  if (soak.version != version || is_over(soak, now)) {
    state.soak.reset();
    return true;
  }
  soak.deaths = is_same_boot(soak, now) ? soak.deaths + 1 : 0;
  end_after(soak, soak.seconds, now);
  return true;
}

bool is_over(const Soak& soak, const BootTime& now) {
  if (is_same_boot(soak, now) && !now.boot_id.empty()) return now.seconds >= soak.until_since_boot;
  return now.wall >= soak.until || soak.until - now.wall > soak.seconds;
}

bool is_last_chance(const Soak& soak, const BootTime& now) { return is_same_boot(soak, now) && soak.deaths + 1 >= kMaxDeaths; }

Probation probation_of(const Soak& soak) { return {soak.version, soak.previous, soak.checksum}; }

}  // namespace ops::updater
