#include "meta/standby/frozen_reply.h"

#include "common/protocol/phase.h"
#include "common/protocol/status.h"

namespace ops::meta {

HeartbeatResponse frozen_reply(const HeartbeatRequest& heartbeat, const Assignments& assignments, int64_t generation,
                               bool is_recent) {
  HeartbeatResponse reply;
  reply.generation = generation;
  reply.interval = assignments.config()->interval.count();
  for (DesiredAgent& agent : assignments.agents(heartbeat.hostname)) {
    const RealAgent* real = find_by_name(heartbeat.real_agents, agent.name);
    if (real == nullptr) continue;
    const AgentUpdate* update = find_by_name(heartbeat.updates, agent.name);
    const bool has_latch =
        is_recent && update != nullptr && update->version == agent.version && has_failed(to_phase(update->phase));
    if (!has_latch) {
      agent.version = real->version;
      if (is_hex(agent.md5, 32)) agent.md5.clear();  // of the assigned version
    }
    const bool is_started = to_status(real->status) == Status::started;
    if (agent.cmd != "start" || (!is_recent && !is_started)) agent.cmd.clear();
    reply.desired_agents.push_back(std::move(agent));
  }
  return reply;
}

}  // namespace ops::meta
