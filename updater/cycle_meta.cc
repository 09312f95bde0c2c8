// The loop's talk with ops-meta, and what it says of itself to everybody else.

#include <ctime>

#include "common/base/log.h"
#include "updater/cycle.h"
#include "updater/model/poll_text.h"
#include "updater/process/memory.h"

namespace ops::updater {

namespace {

constexpr char kPollFile[] = "var/app.poll";

}  // namespace

ClientCredentials Cycle::access() const {
  const std::lock_guard lock(mutex_);
  return {config_->token, config_->servers, config_->tls, sessions_, config_->passwords};
}

const DesiredAgent* Cycle::desired(const std::string& name) const {
  const auto found = desired_.find(name);
  return found == desired_.end() ? nullptr : &found->second;
}

void Cycle::note_phases() {
  for (auto& [name, agent] : agents_) agent.note_phase(fetch_worker_.progress(name), std::time(nullptr));
}

std::vector<AgentReport> Cycle::report_agents() const {
  std::vector<AgentReport> reports;
  for (const auto& [name, agent] : agents_) reports.push_back(agent.report(name, desired(name), fetch_worker_.progress(name)));
  return reports;
}

void Cycle::send_heartbeat() {
  polling_.sent();
  auto heartbeat = make_heartbeat(hostname_of(*config()), report_agents(), std::time(nullptr));
  queues_.run(kMetaLane,
              [this, settings = config(), access = access(), heartbeat = std::move(heartbeat)](const std::stop_token& cancel) {
                auto response = or_out_of_memory([&] { return meta_.send(settings->servers, heartbeat, cancel, access); });
                const std::lock_guard lock(mutex_);
                answer_ = Answer{std::move(response), meta_.retry_after(), meta_.answered_by()};
              });
}

void Cycle::take_answer() {
  std::optional<Answer> answer;
  {
    const std::lock_guard lock(mutex_);
    answer.swap(answer_);
  }
  if (!answer) return;
  const auto now = Clock::now();
  if (!answer->response) {
    ++polls_.failed;
    polling_.failed(config()->interval, answer->retry_after, now, random_);
    const std::string& error = answer->response.error().message;
    errors_.warn("ops-meta", cat(error, "; ", next_text("asks again", polling_.next() - now), kAskNow));
    return note_poll(failure_text(error, std::time(nullptr), polls_.last_answer));
  }
  const int failures = polling_.failures();
  polling_.answered(config()->interval, std::chrono::seconds(answer->response->interval), now, random_);
  const std::string named = agents_text(answer->response->desired_agents);
  if (polls_.answered == 0 || failures > 0) {
    const auto left = polling_.next() - now;
    log::info("ops-meta answers", failures == 0 ? "" : cat(" again, after ", failures, " failed heartbeats"), ", at ",
              answer->server, ": ", named, "; ", next_text("asks again", left), hint(left));
  }
  errors_.forget("ops-meta");
  ++polls_.answered;
  polls_.last_answer = std::time(nullptr);
  note_poll(cat(answer->server, " answered at ", time_text(polls_.last_answer), ": ", named));
  obey(*answer->response);
}

std::string Cycle::announce() {
  note_poll("ops-meta is not asked yet");
  const auto left = polling_.next() - Clock::now();
  return cat(next_text("asks " + config()->servers.front(), left), hint(left));
}

/// For ./control status, and systemctl status.
void Cycle::note_poll(const std::string& outcome) {
  const auto left = std::chrono::round<std::chrono::seconds>(polling_.next() - Clock::now());
  const std::string text = cat(outcome, "; next heartbeat at ", time_text(std::time(nullptr) + left.count()));
  notify_systemd("STATUS=" + text);
  if (auto written = write_note(kPollFile, text + "\n"); written) {
    errors_.forget(kPollFile);
  } else {
    errors_.warn(kPollFile, written.error().message);
  }
}

/// Takes over what is desired, and looks again at the agents for which that is new.
void Cycle::obey(const HeartbeatResponse& response) {
  std::string refused;
  for (const std::string& reason : response.refused) refused += (refused.empty() ? "" : "; ") + reason;
  std::map<std::string, DesiredAgent> before;
  before.swap(desired_);
  for (const DesiredAgent& agent : response.desired_agents) {
    if (!may_be_agent(agent.name)) {
      refused += cat(refused.empty() ? "" : "; ", agent.name, " is no name for an agent");
      continue;
    }
    desired_[agent.name] = agent;
    const auto old = before.find(agent.name);
    if (old == before.end() || old->second != agent) agents_[agent.name].look_at = Clock::now();
  }
  if (refused.empty()) {
    errors_.forget("reply");
  } else {
    errors_.warn("reply", "parts of ops-meta's reply are refused: " + refused);
  }
}

void Cycle::publish() {
  auto report = report_agents();
  const std::lock_guard lock(mutex_);
  report_ = std::move(report);
  reported_polls_ = polls_;
}

std::vector<AgentReport> Cycle::report() const {
  const std::lock_guard lock(mutex_);
  return report_;
}

PollCounts Cycle::polls() const {
  const std::lock_guard lock(mutex_);
  return reported_polls_;
}

}  // namespace ops::updater
