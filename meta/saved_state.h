#pragma once

// The state in var/ at the start and the stop of an ops-meta that leads: the table of hosts (host_snapshot.h) and the rollouts
// (rollout_snapshot.h), and the samples (samples_file.h) at the start. Errors are logged.

#include <cstdint>
#include <string>

#include "meta/api/routes.h"
#include "meta/hosts/host_table.h"
#include "meta/rollout/controller.h"

namespace ops::meta {

void warm_up(RolloutController& controller, std::chrono::seconds longest_interval, const std::string& reason);

/// Reads the state, before the first heartbeat. Returns the longest interval of the hosts, in seconds; 0 if it is not known.
uint32_t load_state(HostTable& hosts, Routes& routes);

/// Notes the longest interval of the hosts, for the warm-up after a crash. The mark tells the next start after a crash that
/// there was a state.
void mark_rollouts_as_running(uint32_t longest_interval);

/// Removes the saved rollouts, which are outdated from the first heartbeat on.
void forget_saved_rollouts();

void save_hosts(const HostTable& hosts);

/// Saves nothing in a warm-up: the next start must warm up as well.
void save_rollouts(const HostTable& hosts, const RolloutController& controller);

}  // namespace ops::meta
