#pragma once

// The soak: the time after its probation in which a new release must keep running, and the version before stays complete on the
// disk. An agent that dies again and again in this time goes back, as in the probation. Pure.
//
// The length comes from ops-meta with the assignment (heartbeat.h) and is kept in .state. So the soak depends neither on an
// ops-meta that answers nor on the updater's process. An agent without a version before has no soak: an agent that dies now and
// then is better for the host than no agent.
//
// Each start of the agent begins the soak again: a host proves a release in a soak without a death. So an agent that dies three
// times goes back after three soaks at the latest. A start after a boot of the machine also sets the number of deaths to 0.

#include <cstdint>
#include <string>

#include "common/base/clock.h"
#include "updater/model/state.h"

namespace ops::updater {

inline constexpr int64_t kMaxDeaths = 3;  // with this one the agent goes back

/// Sets the end of a probation that begins now and takes `length` seconds.
void set_end(Probation& probation, int64_t length, const BootTime& now);

/// The soak that follows a probation. Call it if the probation has a previous version and a soak.
Soak soak_after(const Probation& probation, const BootTime& now);

/// Counts the death of an agent whose current version is about to be started again, unless the machine booted since. Ends a
/// soak that is over or of another version. Returns whether the state changed.
bool note_start(State& state, const std::string& version, const BootTime& now);

/// The end is measured by the clock of the boot, and after another boot by the wall clock. If the wall clock shows an end that
/// is further away than the whole soak, the clock was set, and the soak is over.
bool is_over(const Soak& soak, const BootTime& now);

/// Whether another death of the agent is the last one.
bool is_last_chance(const Soak& soak, const BootTime& now);

/// The probation that a rollback during the soak continues with: a crash in the rollback is then handled as in a probation.
Probation probation_of(const Soak& soak);

}  // namespace ops::updater
