#pragma once

// Why one host is told what it is told: `./control explain HOST` and /explain/HOST.

#include <chrono>
#include <string>
#include <vector>

#include "meta/config/assignments.h"
#include "meta/hosts/host_table.h"
#include "meta/rollout/controller.h"

namespace ops::meta {

struct AgentExplanation {
  DesiredAgent desired;            // by the config
  std::vector<std::string> lines;  // of the config, that made it: `agents[0].others[1], hosts lg-*, 5 %: version 1.1.0`
  std::string has;                 // "1.0.0, started"; "" for nothing
  std::string update;              // "1.1.0 downloading, attempt 3: …"; ""
  std::string told;                // the version that it is told; "" for nothing of this agent
  std::string why;
};

struct HostExplanation {
  std::string host;
  std::string last_seen;  // "12 s ago, updater 1.0.0, linux_amd64"
  std::vector<AgentExplanation> agents;
  std::vector<std::string> others;  // agents that it has and no config names, as "name 1.0.0, started"
};

HostExplanation explain(const Assignments& desired, RolloutController& controller, const std::string& hostname,
                        const Host& host, std::chrono::system_clock::time_point now);

/// For people; and for scripts.
std::string to_text(const HostExplanation& explanation);
std::string to_json(const HostExplanation& explanation);

}  // namespace ops::meta
