#include "updater/cycle.h"

#include <algorithm>

#include "common/base/number_text.h"
#include "updater/model/layout.h"
#include "updater/model/poll_text.h"

namespace ops::updater {

namespace {

constexpr auto kObserveAgain = std::chrono::seconds(1);  // after the host failed to read an agent's folder
constexpr int kSoakIntervals = 2;
constexpr char kMetaTopic[] = "ops-meta";
constexpr char kReplyTopic[] = "reply";
constexpr char kStaleTopic[] = "generation";

/// The progress of this agent's fetch; nullptr when the fetch is another agent's, or there is none.
const FetchWorker::Progress* progress_of(const std::string& name, const Cycle::Progress& progress) {
  return progress && progress->agent == name ? &*progress : nullptr;
}

/// The timeouts in ops-meta's reply override those of the host's config. The soak is that of the reply; without one it takes
/// two intervals, which is also ops-meta's default.
SwitchSettings settings_for(const DesiredAgent* assigned, const Config& config, std::chrono::seconds interval) {
  SwitchSettings settings{config.control_timeout, config.probation,
                          config.keep_versions,   unclear_patience(config.probation, config.interval),
                          config.start_timeout,   config.stop_timeout};
  if (assigned != nullptr && assigned->start_timeout > 0)
    settings.start_timeout = std::chrono::seconds(assigned->start_timeout);
  settings.soak = assigned != nullptr && assigned->soak >= 0 ? std::chrono::seconds(assigned->soak) : kSoakIntervals * interval;
  if (assigned != nullptr && assigned->stop_timeout > 0) settings.stop_timeout = std::chrono::seconds(assigned->stop_timeout);
  return settings;
}

void append_reason(std::string& reasons, const std::string& reason) { reasons += (reasons.empty() ? "" : "; ") + reason; }

}  // namespace

Cycle::Cycle(Config config, std::chrono::seconds uptime, Instant now, Random random)
    : config_(std::move(config)),
      random_(random),
      begin_(now.steady),
      polling_(config_.interval, uptime, now.steady, random_) {}

const DesiredAgent* Cycle::desired(const std::string& name) const {
  const auto found = desired_.find(name);
  return found == desired_.end() ? nullptr : &found->second;
}

// ---- events ----

Effects Cycle::take(Event event, Instant now) {
  std::visit([&](auto& one) { on(one, now); }, event);
  return take_effects();
}

void Cycle::on(ObservationEnded& event, Instant now) {
  Agent& observed = agent(event.agent);
  if (!event.seen) {
    add(LogError{event.agent, cat(event.agent, ": ", event.seen.error().message)});
    observed.observation_failed(now.steady + kObserveAgain);
    return;
  }
  if (!event.seen->hold) event.seen->hold = reason_to_leave(event.agent, config_.desired_agent);
  observed.take_observation(std::move(*event.seen), now.steady);
  if (observed.is_retry_asked()) add(ForgetRetry{event.agent, observed.remove_latch()});
}

void Cycle::on(RetryForgotten& event, Instant now) {
  if (!event.outcome) {
    add(LogError{event.agent, cat(event.agent, ": the operator asked for a retry, but: ", event.outcome.error().message)});
    return;
  }
  agent(event.agent).forget_failures();
  if (!agent(event.agent).is_undecided()) agent(event.agent).observe_again(now.steady);  // a decision did not wait for it
  log_info(event.agent, ": the updater forgets failures and pauses, as the operator asked");
}

void Cycle::on(ActionEnded& event, Instant now) {
  const Action action = agent(event.agent).end_action(event.outcome, now.steady, random_);
  if (!is_upkeep(action)) polling_.report_soon();
  if (!event.outcome) {
    const std::string what = is_switching(action) ? "" : to_string(action) + ": ";
    add(LogError{event.agent, cat(event.agent, ": ", what, event.outcome.error().message)});
    return;
  }
  if (!is_upkeep(action) && action != Action::pass_probation) polls_.last_change = now.unix_time;
  add(EndError{event.agent});
  if (action != Action::tidy) log_info(event.agent, ": ", to_string(action), ": done");
}

void Cycle::on(FetchEnded& event, Instant now) {
  const std::string& name = event.agent.name;
  agent(name).take_fetch(event, now.steady, now.unix_time, random_);
  polling_.report_soon();
  if (event.error) {
    add(LogError{name, cat(name, " ", event.agent.version, ": ", event.error->error.message)});
  } else {
    log_info(name, " ", event.agent.version, " is fetched, verified and unpacked");
  }
}

void Cycle::on(ConfigReloaded& event, Instant) {
  config_ = std::move(event.config);
  if (event.by_operator) {
    polling_.ask_now();
  } else {
    polling_.ask_soon();
  }
}

void Cycle::on(MetaAnswered& event, Instant now) {
  is_heartbeat_sent_ = false;
  if (!event.response) return take_failure(event, now);
  const HeartbeatResponse& response = *event.response;
  const int failures = polling_.failures();
  polling_.answered(config_.interval, std::chrono::seconds(response.interval), now.steady, random_);
  const std::string named = agents_text(response.desired_agents);
  if (polls_.answered == 0 || failures > 0) {
    const auto left = polling_.next() - now.steady;
    log_info("ops-meta answers",
             failures == 0 ? "" : cat(" again, after ", counted(static_cast<uint64_t>(failures), "failed heartbeat")), ", at ",
             event.server, ": ", named, "; ", next_text("asks again", left), hint(left));
  }
  if (!server_.empty() && event.server != server_) {
    ++polls_.server_changes;
    log_info("heartbeats go to ", event.server, " now, and not to ", server_, " any more");
  }
  server_ = event.server;
  add(EndError{kMetaTopic});
  if (event.stale.empty()) {
    add(EndError{kStaleTopic});
  } else {
    add(LogError{kStaleTopic, event.stale});
  }
  ++polls_.answered;
  polls_.last_answer = now.unix_time;
  note_poll(cat(event.server, " answered at ", time_text(polls_.last_answer), ": ", named), now);
  take_assignments(response, now);
}

void Cycle::take_failure(const MetaAnswered& answer, Instant now) {
  ++polls_.failed;
  polling_.failed(config_.interval, answer.retry_after, now.steady, random_);
  const std::string& error = answer.response.error().message;
  add(LogError{kMetaTopic, cat(error, "; ", next_text("asks again", polling_.next() - now.steady), kAskNow)});
  note_poll(failure_text(error, now.unix_time, polls_.last_answer), now);
}

/// Replaces the assignments, and observes at once each agent whose assignment is new or has changed.
void Cycle::take_assignments(const HeartbeatResponse& response, Instant now) {
  std::string refused;
  for (const std::string& reason : response.refused) append_reason(refused, reason);
  std::map<std::string, DesiredAgent> before;
  before.swap(desired_);
  for (const DesiredAgent& assigned : response.desired_agents) {
    if (!may_be_agent(assigned.name)) {
      append_reason(refused, assigned.name + " is the updater's own folder and cannot be an agent");
      continue;
    }
    desired_[assigned.name] = assigned;
    const auto old = before.find(assigned.name);
    if (old == before.end() || old->second != assigned) agent(assigned.name).observe_again(now.steady);
  }
  if (refused.empty()) {
    add(EndError{kReplyTopic});
  } else {
    add(LogError{kReplyTopic, "ops-updater ignores parts of ops-meta's reply: " + refused});
  }
}

// ---- one pass ----

Effects Cycle::observe(const std::vector<std::string>& installed, Instant now) {
  is_heartbeat_ready_ = is_heartbeat_due(now);
  const bool all = is_heartbeat_ready_ && polling_.is_round_due(now.steady);
  std::vector<std::string> names = installed;
  for (const auto& [name, assigned] : desired_) names.push_back(name);
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  drop_agents_except(names);
  for (const std::string& name : names) {
    Agent& observed = agent(name);
    if (observed.is_undecided() || observed.is_busy() || (!all && observed.observe_at() > now.steady)) continue;
    const bool is_first = !observed.was_observed();
    observed.begin_observation(now.steady, kStuckAfter + (is_first ? config_.control_timeout : std::chrono::seconds(0)));
    add(Observe{name, is_first});
  }
  return take_effects();
}

/// An agent that is busy stays until its observation or action has ended.
void Cycle::drop_agents_except(const std::vector<std::string>& names) {
  std::erase_if(agents_, [&](const auto& entry) {
    const auto& [name, agent] = entry;
    const bool is_gone = !std::binary_search(names.begin(), names.end(), name) && !agent.is_busy();
    if (is_gone) add(EndError{name});
    return is_gone;
  });
}

Effects Cycle::decide(const Progress& progress, Instant now) {
  for (auto& [name, agent] : agents_) {
    if (agent.is_undecided() && !agent.is_busy()) decide_for(name, agent, progress, now);
  }
  Fetch fetch;
  for (const auto& [name, agent] : agents_) {
    const DesiredAgent* assigned = desired(name);
    if (agent.wants_fetch() && assigned != nullptr && assigned->cmd == "start") fetch.wanted.push_back(*assigned);
  }
  add(std::move(fetch));
  return take_effects();
}

void Cycle::decide_for(const std::string& name, Agent& agent, const Progress& progress, Instant now) {
  if (auto state = agent.latch_bad_release()) add(SaveState{name, std::move(*state)});
  const DesiredAgent* assigned = desired(name);
  const SwitchSettings settings = settings_for(assigned, config_, polling_.interval(config_.interval));
  const bool is_fetching = progress_of(name, progress) != nullptr;
  Decision decision = agent.decide(assigned, polls_.answered > 0, is_fetching, settings, now.steady, now.boot());
  if (assigned != nullptr && assigned->cmd != "" && assigned->cmd != "start" && assigned->cmd != "stop") {
    add(LogError{name, cat(name, ": the cmd of ops-meta is \"", one_line(assigned->cmd, 40),
                           "\", expected start or stop; the updater leaves the agent as it is")});
  }
  if (decision.action == Action::none) return;
  if (decision.action != Action::tidy) log_info(name, ": ", to_string(decision.action), ": ", decision.reason);
  add(Act{std::move(decision), agent.seen(), assigned != nullptr ? std::optional(*assigned) : std::nullopt, settings});
}

Effects Cycle::send(const Progress& progress, Instant now) {
  for (auto& [name, agent] : agents_) {
    if (agent.update_stuck(now.steady)) {
      add(LogError{name, cat(name, ": ", kStuckText, "; look for a mount without its server: `timeout 5 ls ", name,
                             "`. All other agents are managed")});
    }
  }
  for (auto& [name, agent] : agents_) agent.update_phase(progress_of(name, progress), now.unix_time);
  if (is_heartbeat_ready_) {
    polling_.sent(now.steady);
    is_heartbeat_sent_ = true;
    HeartbeatRequest heartbeat = make_heartbeat(hostname_of(config_), report(progress), now.unix_time);
    heartbeat.interval = polling_.interval(config_.interval).count();
    heartbeat.uptime = std::chrono::floor<std::chrono::seconds>(now.steady - begin_).count();
    for (RealAgent& real : heartbeat.real_agents) agent(real.name).report_starts(real, now.steady);
    const bool has_choice = config_.servers.size() > 1;
    add(SendHeartbeat{std::move(heartbeat),
                      has_choice ? server_stay(polling_.interval(config_.interval), random_) : Clock::duration(0)});
  }
  return take_effects();
}

Clock::time_point Cycle::next_pass(Instant now) const {
  if (is_heartbeat_due(now)) return now.steady;
  auto next = is_heartbeat_sent_ ? Clock::time_point::max() : polling_.round_at();
  for (const auto& [name, agent] : agents_) {
    if (!agent.is_busy()) next = std::min(next, agent.observe_at());
  }
  return next;
}

// ---- texts and reports ----

std::string Cycle::start_text(Instant now) const {
  const auto left = polling_.next() - now.steady;
  return cat(next_text("asks " + config_.servers.front(), left), hint(left));
}

Effects Cycle::note_start(Instant now) {
  note_poll("ops-meta is not asked yet", now);
  return take_effects();
}

void Cycle::note_poll(const std::string& outcome, Instant now) {
  const auto left = std::chrono::round<std::chrono::seconds>(polling_.next() - now.steady);
  add(NotePoll{cat(outcome, "; next heartbeat at ", time_text(now.unix_time + left.count()))});
}

std::vector<AgentReport> Cycle::report(const Progress& progress) const {
  std::vector<AgentReport> reports;
  for (const auto& [name, agent] : agents_) reports.push_back(agent.report(desired(name), progress_of(name, progress)));
  return reports;
}

}  // namespace ops::updater
