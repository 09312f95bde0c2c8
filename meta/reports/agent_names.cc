#include "meta/reports/agent_names.h"

#include <set>

namespace ops::meta {

namespace {

constexpr size_t kMaxListed = 100;

/// "a, b, c and 7 more"
std::string listed(const std::set<std::string>& names) {
  std::string text;
  size_t left = names.size();
  for (const std::string& name : names) {
    if (names.size() - left == kMaxListed) return cat(text, " and ", left, " more");
    text += cat(text.empty() ? "" : ", ", name);
    --left;
  }
  return text;
}

}  // namespace

std::string unknown_agent(const std::string& agent, const Config& config, const HostTable& hosts) {
  if (find_agent(config, agent) != nullptr || hosts.has_agent(agent)) return {};
  std::set<std::string> known;
  for (const AgentConfig& entry : config.agents) known.insert(entry.defaults.name);
  hosts.visit_releases([&](std::string_view name, std::string_view, const ReleaseCounts&) { known.emplace(name); });
  return cat("cfg.json has no agent \"", one_line(agent, 100), "\" and no host reports it; ",
             known.empty() ? "no agent is known yet" : cat("known agents: ", listed(known)));
}

}  // namespace ops::meta
