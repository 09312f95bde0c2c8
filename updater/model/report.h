#pragma once

// What the loop says of its agents: to ops-meta in each heartbeat, and to whoever asks at the debug port. Pure.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/protocol/heartbeat.h"
#include "updater/model/plan.h"

namespace ops::updater {

/// An agent as the loop knows it.
struct AgentReport {
  std::string name;
  std::optional<Observed> seen;  // nullopt before the first look has ended
  std::optional<DesiredAgent> desired;
  Phase phase = Phase::idle;
  int64_t since = 0;     // of the phase, seconds since 1970
  int64_t attempts = 0;  // at the update that is under way
  std::string error;     // of the last attempt at anything
  uint64_t done = 0;     // bytes of a download
  uint64_t total = 0;

  bool operator==(const AgentReport&) const = default;
};

/// How the loop gets on, since its start.
struct PollCounts {
  uint64_t answered = 0;    // heartbeats
  uint64_t failed = 0;      // heartbeats
  int64_t last_answer = 0;  // seconds since 1970; 0 before the first
  int64_t last_change = 0;  // of an agent, seconds since 1970; 0 before the first
};

/// nullopt while there is nothing to say beyond the status.
std::optional<AgentUpdate> update_of(const AgentReport& report);

/// `now` is in seconds since 1970, and stamps all agents.
HeartbeatRequest make_heartbeat(const std::string& hostname, const std::vector<AgentReport>& agents, int64_t now);

}  // namespace ops::updater
