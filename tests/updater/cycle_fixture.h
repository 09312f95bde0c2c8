#pragma once

// A host without a disk, processes, sockets or a clock: it carries out the effects of Cycle on a table of agents.

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "updater/cycle.h"
#include "updater/model/soak.h"

namespace ops::updater {

inline DesiredAgent assign(const std::string& version, const std::string& cmd = "start") {
  return {"a", version, "http://m:2000/t", "", cmd};
}

inline Config test_config() {
  Config config;
  config.hostname = "h1";
  config.servers = {"http://m:2000"};
  return config;
}

struct CycleTest : testing::Test {
  // ---- the host ----

  /// Lets `time` pass, and runs each pass of the loop that is due meanwhile.
  void run(std::chrono::seconds time) {
    const auto end = now.steady + time;
    for (;;) {
      const auto next = std::max(now.steady, std::min(cycle.next_pass(now), next_event()));
      if (next > end) break;
      advance_to(next);
      pass();
    }
    advance_to(end);
  }

  void advance_to(Clock::time_point time) {
    now.unix_time += std::chrono::duration_cast<std::chrono::seconds>(time - start).count() -
                     std::chrono::duration_cast<std::chrono::seconds>(now.steady - start).count();
    now.steady = time;
  }

  Clock::time_point next_event() const { return events.empty() ? Clock::time_point::max() : events.begin()->first; }

  void take_events() {
    while (next_event() <= now.steady) {
      Event event = std::move(events.begin()->second);
      events.erase(events.begin());
      if (std::holds_alternative<FetchEnded>(event)) progress.reset();
      perform(cycle.take(std::move(event), now));
    }
  }

  void pass() {
    take_events();
    std::vector<std::string> installed;
    for (const auto& [name, seen] : agents) {
      if (!seen.version.empty()) installed.push_back(name);
    }
    perform(cycle.observe(installed, now));
    take_events();
    perform(cycle.decide(progress, now));
    perform(cycle.send(progress, now));
  }

  void perform(const Effects& effects) {
    for (const Effect& effect : effects) std::visit([this](const auto& one) { perform(one); }, effect);
  }

  void after(Clock::duration time, Event event) { events.emplace(now.steady + time, std::move(event)); }

  void perform(const Observe& effect) {
    ++observations;
    Observed seen = agents[effect.agent];
    seen.name = effect.agent;
    seen.retry_asked = is_retry_asked;
    seen.status_text = seen.status == Status::started ? "started" : "stoped";
    after(observation_time, ObservationEnded{effect.agent, std::move(seen)});
  }

  void perform(const Act& effect) {
    note("act: " + to_string(effect.decision.action));
    after(std::chrono::seconds(1), ActionEnded{"a", act(agents["a"], effect)});
  }

  Result<void> act(Observed& agent, const Act& effect) {
    switch (effect.decision.action) {
      case Action::start:
        note_start(agent.state, agent.version, now.boot());
        agent.status = Status::started;
        agent.state.stopped = false;
        return {};
      case Action::stop:
        agent.status = Status::stopped;
        agent.state.stopped = true;
        return {};
      case Action::switch_over:
        agent.releases.clear();
        if (broken.contains(effect.desired->version)) {
          agent.state.latch = Latch{effect.desired->version, "", "it did not start", now.unix_time};
          return Error{effect.desired->version + " failed"};
        }
        agent.state.probation = Probation{effect.desired->version, agent.version, "", now.unix_time + 31};
        agent.state.probation->soak = effect.settings.soak.count();
        agent.state.soak.reset();
        agent.version = effect.desired->version;
        agent.has_control = true;
        agent.status = Status::started;
        return {};
      case Action::roll_back:
        agent.state.latch = Latch{agent.version, "", effect.decision.reason, now.unix_time};
        agent.version = agent.state.soak ? agent.state.soak->previous : agent.state.probation->previous;
        agent.state.soak.reset();
        agent.status = Status::started;
        agent.state.probation.reset();
        return Error{agent.state.latch->version + " failed"};
      case Action::pass_probation:
        if (!agent.state.probation->previous.empty() && agent.state.probation->soak > 0)
          agent.state.soak = soak_after(*agent.state.probation, now.boot());
        agent.state.probation.reset();
        return {};
      case Action::end_soak: agent.state.soak.reset(); return {};
      default: return {};
    }
  }

  void perform(const SaveState& effect) {
    note("save");
    agents[effect.agent].state = effect.state;
  }

  void perform(const ForgetRetry& effect) {
    note("forget");
    if (effect.state) agents[effect.agent].state = *effect.state;
    is_retry_asked = false;
    after(std::chrono::seconds(0), RetryForgotten{effect.agent, {}});
  }

  void perform(const Fetch& effect) {
    if (effect.wanted.empty() || progress) return;
    const DesiredAgent& wanted = effect.wanted.front();
    note("fetch " + wanted.version);
    progress = FetchWorker::Progress{wanted.name, Phase::downloading, 0, 0};
    FetchEnded end{wanted, std::nullopt};
    if (unpackable.contains(wanted.version)) {
      end.error = FetchError{{"it has no control"}, true, "", std::nullopt};
    } else {
      agents[wanted.name].releases = {{wanted.version, "", true, 0}};
    }
    after(std::chrono::seconds(20), std::move(end));
  }

  void perform(const SendHeartbeat& effect) {
    ++heartbeats;
    last_heartbeat = effect.heartbeat;
    last_stay = effect.stay;
    if (is_meta_silent) {
      after(std::chrono::seconds(1), MetaAnswered{Error{"no answer from ops-meta"}, std::nullopt, "", stale});
    } else {
      after(std::chrono::seconds(0), MetaAnswered{reply, std::nullopt, meta_server, stale});
    }
  }

  void perform(const NotePoll& effect) { poll_note = effect.text; }
  void perform(const LogInfo& effect) { log += effect.text + "\n"; }
  void perform(const LogError& effect) { log += "WARNING " + effect.text + "\n"; }
  void perform(const EndError&) {}

  // ---- the test's view ----

  void note(const std::string& line) { done.push_back(line); }

  /// The effects since the last call, without observations and heartbeats.
  std::vector<std::string> take_done() { return std::exchange(done, {}); }

  std::string phase() const { return last_heartbeat.updates.empty() ? "" : last_heartbeat.updates[0].phase; }

  /// Installs version 1 and lets it pass its probation.
  void install() {
    reply.desired_agents = {assign("1")};
    run(std::chrono::minutes(10));
    ASSERT_EQ(agents["a"].version, "1");
    ASSERT_EQ(take_done(), (Lines{"fetch 1", "act: switch over", "act: pass the probation"}));
    ASSERT_EQ(phase(), "");
  }

  /// An agent that an earlier updater installed and started.
  void put_running(const std::string& version) {
    Observed& agent = agents["a"];
    agent.version = version;
    agent.has_control = true;
    agent.status = Status::started;
  }

  using Lines = std::vector<std::string>;

  const Clock::time_point start = Clock::time_point(std::chrono::hours(1000));
  Instant now{start, 1447000000, "", 24 * 3600};
  Cycle cycle{test_config(), std::chrono::hours(1), now, Random{4711}};
  std::multimap<Clock::time_point, Event> events;  // by when they arrive
  Cycle::Progress progress;
  std::map<std::string, Observed> agents;
  std::set<std::string> broken;      // versions that do not start
  std::set<std::string> unpackable;  // versions that cannot be unpacked
  bool is_retry_asked = false;
  bool is_meta_silent = false;
  std::string meta_server = "http://m:2000";  // that answers
  std::string stale;                          // the replies of an older generation
  Clock::duration last_stay{};
  std::chrono::seconds observation_time{0};
  HeartbeatResponse reply;
  HeartbeatRequest last_heartbeat;
  int heartbeats = 0;
  int observations = 0;
  std::string poll_note;
  std::string log;
  Lines done;
};

}  // namespace ops::updater
