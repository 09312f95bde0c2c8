#include "updater/metrics.h"

#include "common/daemon/metrics.h"

namespace ops::updater {

namespace {

void add_polls(MetricsText& text, const PollCounts& polls) {
  text.add("ops_updater_polls_total", MetricType::counter, "Heartbeats that were sent and ended, one way or the other.",
           static_cast<double>(polls.answered + polls.failed));
  text.add("ops_updater_poll_failures_total", MetricType::counter, "Heartbeats that no ops-meta answered well.",
           static_cast<double>(polls.failed));
  text.add("ops_updater_last_poll_timestamp_seconds", MetricType::gauge,
           "When ops-meta last answered, in seconds since 1970; 0 before that.", static_cast<double>(polls.last_answer));
  text.add("ops_updater_last_change_timestamp_seconds", MetricType::gauge,
           "When an agent was last started, stopped or switched here, in seconds since 1970; 0 before that.",
           static_cast<double>(polls.last_change));
}

void add_agents(MetricsText& text, const std::vector<AgentReport>& agents) {
  text.begin("ops_updater_agent_started", MetricType::gauge,
             "Whether the agent, installed in this version, says that it runs.");
  for (const AgentReport& agent : agents) {
    if (!agent.seen || agent.seen->version.empty()) continue;
    text.add({{"agent", agent.name}, {"version", agent.seen->version}}, agent.seen->status == Status::started ? 1 : 0);
  }
  text.begin("ops_updater_agent_update", MetricType::gauge, "Always 1; what happens to the agent, while something does.");
  for (const AgentReport& agent : agents) {
    const auto update = update_of(agent);
    if (update) text.add({{"agent", agent.name}, {"version", update->version}, {"phase", update->phase}}, 1);
  }
  text.begin("ops_updater_agent_failed_timestamp_seconds", MetricType::gauge,
             "When this version of the agent failed here, in seconds since 1970; it is not tried again by itself.");
  for (const AgentReport& agent : agents) {
    if (!agent.seen || !agent.seen->state.latch) continue;
    const Latch& failure = *agent.seen->state.latch;
    text.add({{"agent", agent.name}, {"version", failure.version}}, static_cast<double>(failure.when));
  }
}

}  // namespace

std::string metrics_text(const std::vector<AgentReport>& agents, const PollCounts& polls) {
  MetricsText text;
  add_polls(text, polls);
  add_agents(text, agents);
  text.add_process("ops_updater");
  return text.text();
}

}  // namespace ops::updater
