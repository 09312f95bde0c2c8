#pragma once

// The reply to a heartbeat while no ops-meta leads. No host changes, and hosts keep their agents running.
//
//   agent of the host                                        in the reply
//   ----------------------------------------------------------------------------------------------------------------
//   the last leader did not name it                          left out: the updater leaves it alone
//   the assigned version failed here (the host has a latch)  that version, so that the updater keeps the latch
//   otherwise                                                the version that the host has
//
// `cmd` is start if the last leader assigned start, else "" (the updater leaves the agent alone). If the state is not recent,
// the leader may have stopped the agent since: then it is start only if the agent is started.

#include "common/protocol/heartbeat.h"
#include "meta/config/assignments.h"

namespace ops::meta {

/// `assignments`: those of the last leader. `is_recent`: this process has them from the leader, and not from var/.
HeartbeatResponse frozen_reply(const HeartbeatRequest& heartbeat, const Assignments& assignments, int64_t generation,
                               bool is_recent);

}  // namespace ops::meta
