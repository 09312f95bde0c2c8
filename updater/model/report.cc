#include "updater/model/report.h"

#include "common/base/text.h"
#include "common/base/version.h"
#include "common/protocol/release.h"

namespace ops::updater {

namespace {

/// Fills in the version that the phase is about, and the error of a latch or the reason of a hold.
void fill_version(const AgentReport& report, AgentUpdate& update) {
  const State state = report.seen ? report.seen->state : State{};
  if (has_failed(report.phase) && state.latch) {
    update.version = state.latch->version;
    update.error = state.latch->error;
  } else if (report.phase == Phase::probation && state.probation) {
    update.version = state.probation->version;
  } else if (report.desired) {
    update.version = report.desired->version;
  } else if (report.seen) {
    update.version = report.seen->version;
  }
  if (report.phase == Phase::held && report.seen) update.error = report.seen->hold.value_or("");
}

}  // namespace

std::optional<AgentUpdate> update_of(const AgentReport& report) {
  if (report.phase == Phase::idle) return std::nullopt;
  AgentUpdate update;
  update.name = report.name;
  update.phase = to_word(report.phase);
  update.since = report.since;
  update.attempts = report.attempts;
  update.error = report.error;
  update.done = static_cast<int64_t>(report.done);
  update.total = static_cast<int64_t>(report.total);
  fill_version(report, update);
  if (update.version.empty()) return std::nullopt;  // a held folder in which no version was installed yet
  return update;
}

HeartbeatRequest make_heartbeat(const std::string& hostname, const std::vector<AgentReport>& agents, int64_t now) {
  HeartbeatRequest heartbeat;
  heartbeat.hostname = hostname;
  heartbeat.updater_version = version();
  heartbeat.platform = platform();
  for (const AgentReport& agent : agents) {
    if (agent.seen && agent.seen->has_control) {
      heartbeat.real_agents.push_back({agent.name, agent.seen->version, agent.seen->status_text, now});
      if (is_hex(agent.seen->checksum, 32)) heartbeat.real_agents.back().md5 = agent.seen->checksum;
    }
    if (auto update = update_of(agent)) heartbeat.updates.push_back(std::move(*update));
  }
  return heartbeat;
}

}  // namespace ops::updater
