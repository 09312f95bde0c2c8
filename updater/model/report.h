#pragma once

// What the updater reports about its agents, in heartbeats to ops-meta and at the debug port. Pure.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/protocol/heartbeat.h"
#include "updater/model/plan.h"

namespace ops::updater {

/// An agent as the loop knows it at the moment.
struct AgentReport {
  std::string name;
  std::optional<Observed> seen;  // nullopt until the first look at the agent has ended
  std::optional<DesiredAgent> desired;
  Phase phase = Phase::idle;
  int64_t since = 0;     // the begin of the phase, seconds since 1970
  int64_t attempts = 0;  // to update to the desired release
  std::string error;     // of the last action or preparation; "" if it succeeded
  uint64_t done = 0;     // downloaded bytes
  uint64_t total = 0;    // bytes of the tarball

  bool operator==(const AgentReport&) const = default;
};

/// Counts of heartbeats since the updater started.
struct PollCounts {
  uint64_t answered = 0;        // heartbeats
  uint64_t failed = 0;          // heartbeats
  uint64_t server_changes = 0;  // answers of another server than the answer before
  int64_t last_answer = 0;      // seconds since 1970; 0 before the first
  int64_t last_change = 0;      // when an action last changed an agent, seconds since 1970; 0 before the first
};

/// The agent's entry in the heartbeat's "updates". nullopt if the phase is idle or no version is known.
std::optional<AgentUpdate> update_of(const AgentReport& report);

/// `now` (seconds since 1970) becomes the timestamp of all agents.
HeartbeatRequest make_heartbeat(const std::string& hostname, const std::vector<AgentReport>& agents, int64_t now);

}  // namespace ops::updater
