#pragma once

// Explains the answers of ops-meta to one host: `./control explain HOST` and /explain/HOST.

#include <chrono>
#include <string>
#include <vector>

#include "meta/config/assignments.h"
#include "meta/hosts/host_table.h"
#include "meta/rollout/controller.h"

namespace ops::meta {

struct AgentExplanation {
  DesiredAgent assigned;
  std::vector<std::string>
      lines;              // the entries of the config that apply: `agents[0].others[1], hosts lg-*, 5 %: version 1.1.0`
  std::string installed;  // "1.0.0, started"; "" if the host lacks the agent
  std::string update;     // "1.1.0 downloading, attempt 3: …"; "" without an update
  std::string answer;     // the version in the answer; "" if the answer leaves the agent out
  std::string why;
};

struct HostExplanation {
  std::string host;
  std::string last_seen;  // "12 s ago, updater 1.0.0, linux_amd64"
  std::vector<AgentExplanation> agents;
  std::vector<std::string> unassigned;  // agents of the host that the config does not have, as "name 1.0.0, started"
};

HostExplanation explain(const Assignments& assignments, RolloutController& controller, const std::string& hostname,
                        const Host& host, std::chrono::system_clock::time_point now);

std::string to_text(const HostExplanation& explanation);
std::string to_json(const HostExplanation& explanation);

}  // namespace ops::meta
