#include "updater/metrics.h"

#include "common/daemon/metrics.h"

namespace ops::updater {

namespace {

void add_polls(MetricsText& text, const PollCounts& polls) {
  text.add("ops_updater_polls_total", MetricType::counter, "Heartbeats that ended, with a good answer or without one.",
           static_cast<double>(polls.answered + polls.failed));
  text.add("ops_updater_poll_failures_total", MetricType::counter, "Heartbeats that ended without a good answer.",
           static_cast<double>(polls.failed));
  text.add("ops_updater_server_changes_total", MetricType::counter,
           "Answers to heartbeats that came from another server of the list than the answer before.",
           static_cast<double>(polls.server_changes));
  text.add("ops_updater_last_poll_timestamp_seconds", MetricType::gauge,
           "When ops-meta last answered, in seconds since 1970; 0 before the first answer.",
           static_cast<double>(polls.last_answer));
  text.add("ops_updater_last_change_timestamp_seconds", MetricType::gauge,
           "When the updater last started, stopped or switched an agent, in seconds since 1970; 0 before the first time.",
           static_cast<double>(polls.last_change));
}

void add_agents(MetricsText& text, const std::vector<AgentReport>& agents) {
  text.begin("ops_updater_agent_started", MetricType::gauge,
             "1 when the status of the agent, installed in this version, is started; 0 otherwise.");
  for (const AgentReport& agent : agents) {
    if (!agent.seen || agent.seen->version.empty()) continue;
    text.add({{"agent", agent.name}, {"version", agent.seen->version}}, agent.seen->status == Status::started ? 1 : 0);
  }
  text.begin("ops_updater_agent_update", MetricType::gauge, "Always 1: the phase of the agent's update, while it has one.");
  for (const AgentReport& agent : agents) {
    const auto update = update_of(agent);
    if (update) text.add({{"agent", agent.name}, {"version", update->version}, {"phase", update->phase}}, 1);
  }
  text.begin("ops_updater_agent_failed_timestamp_seconds", MetricType::gauge,
             "When this version of the agent failed on this host, in seconds since 1970; it is latched and not tried again.");
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
