#include "meta/desired.h"

namespace ops::meta {

namespace {

void inherit_unless_given(std::string& field, const std::string& given) {
  if (!given.empty()) field = given;
}

}  // namespace

DesiredAgent resolve(const AgentConfig& agent, std::string_view hostname) {
  DesiredAgent desired = agent.defaults;
  for (const Override& entry : agent.others) {
    if (!hostname.starts_with(entry.prefix)) continue;
    inherit_unless_given(desired.version, entry.version);
    inherit_unless_given(desired.tarball, entry.tarball);
    inherit_unless_given(desired.md5, entry.md5);
    inherit_unless_given(desired.cmd, entry.cmd);
  }
  return desired;
}

std::vector<DesiredAgent> desired_agents(const Config& config, std::string_view hostname) {
  std::vector<DesiredAgent> desired;
  desired.reserve(config.agents.size());
  for (const AgentConfig& agent : config.agents) desired.push_back(resolve(agent, hostname));
  return desired;
}

}  // namespace ops::meta
