#pragma once

// The decisions of the updater's main loop: observe the agents -> plan -> act and send a heartbeat, again and again. Cycle does
// nothing itself: it has no threads, processes, files, sockets or clock. It takes events and returns effects, and MainLoop
// (main_loop.h) carries the effects out. So a unit test plays a whole day.
//
// One pass of the loop:
//
//   take()      each event that has arrived
//   observe()   which agents to observe now; the loop waits up to 1 s for these observations and take()s them
//   decide()    what to do about each agent with a new observation
//   send()      the heartbeat, if one was due when the pass began
//
// MainLoop carries out the effects in their order, and all effects of one call before the next call.

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "common/protocol/heartbeat.h"
#include "updater/agent/agent.h"
#include "updater/agent/switch.h"
#include "updater/config.h"
#include "updater/model/plan.h"
#include "updater/model/report.h"
#include "updater/model/schedule.h"
#include "updater/release/fetch_worker.h"

namespace ops::updater {

/// One instant, on all clocks. Spans use `steady`, or across restarts the boot; `unix_time` is shown only.
struct Instant {
  Clock::time_point steady;
  int64_t unix_time = 0;  // seconds since 1970
  std::string boot_id;
  int64_t since_boot = 0;  // seconds

  BootTime boot() const { return {boot_id, since_boot, unix_time}; }
};

// ---- events ----

struct ObservationEnded {
  std::string agent;
  Result<Observed> seen;  // an error: the host failed to read the agent's folder
};

struct ActionEnded {
  std::string agent;
  Result<void> outcome;
};

struct RetryForgotten {
  std::string agent;
  Result<void> outcome;
};

using FetchEnded = FetchWorker::Outcome;

struct MetaAnswered {
  Result<HeartbeatResponse> response;  // an error: no server answered the heartbeat well
  std::optional<std::chrono::seconds> retry_after;
  std::string server;      // that gave the response
  std::string stale = {};  // the replies of an older generation, see MetaClient
};

struct ConfigReloaded {
  Config config;
  bool by_operator = true;  // else by a user of the host, see Polling::ask_soon()
};

using Event = std::variant<ObservationEnded, ActionEnded, RetryForgotten, FetchEnded, MetaAnswered, ConfigReloaded>;

// ---- effects ----

/// Observe the agent; ends with ObservationEnded.
struct Observe {
  std::string agent;
  bool is_first = false;  // of this run: a ./control that an earlier updater began may still run, and must end first
};

/// Carry out the decision (switch.h); ends with ActionEnded.
struct Act {
  Decision decision;
  Observed seen;
  std::optional<DesiredAgent> desired;
  SwitchSettings settings;
};

/// Write the agent's .state.
struct SaveState {
  std::string agent;
  State state;
};

/// Write the agent's .state, if there is one to write, then remove its .retry; ends with RetryForgotten. Pauses are forgotten
/// after that only: a .retry that cannot be removed would end them at each observation.
struct ForgetRetry {
  std::string agent;
  std::optional<State> state;
};

/// The releases to fetch, in this order (FetchWorker::want). Each of them ends with FetchEnded, unless a later Fetch leaves it
/// out.
struct Fetch {
  std::vector<DesiredAgent> wanted;
};

/// Send the heartbeat; ends with MetaAnswered.
struct SendHeartbeat {
  HeartbeatRequest heartbeat;
  Clock::duration stay;  // with another server than the first one, see MetaClient
};

/// The state of polling, for ./control status and systemctl status.
struct NotePoll {
  std::string text;
};

/// An info line for the log.
struct LogInfo {
  std::string text;
};

/// A warning for the log, throttled by topic (error_throttle.h).
struct LogError {
  std::string topic;
  std::string text;
};

/// The topic works again: log its next error at once.
struct EndError {
  std::string topic;
};

using Effect = std::variant<Observe, Act, SaveState, ForgetRetry, Fetch, SendHeartbeat, NotePoll, LogInfo, LogError, EndError>;
using Effects = std::vector<Effect>;

class Cycle {
 public:
  /// A release that is being fetched; nullopt when there is none.
  using Progress = std::optional<FetchWorker::Progress>;

  /// `uptime` is the host's: it decides when the first heartbeat is due (first_sleep).
  Cycle(Config config, std::chrono::seconds uptime, Instant now, Random random);

  /// "asks http://10.0.0.1:2000 in 3 s": the server and the time of the first heartbeat.
  std::string start_text(Instant now) const;
  Effects note_start(Instant now);

  Effects take(Event event, Instant now);
  /// `installed` are the agents that have a folder on this host.
  Effects observe(const std::vector<std::string>& installed, Instant now);
  Effects decide(const Progress& progress, Instant now);
  Effects send(const Progress& progress, Instant now);

  /// When the next pass is due, unless an event arrives earlier.
  Clock::time_point next_pass(Instant now) const;

  /// All agents, sorted by name.
  std::vector<AgentReport> report(const Progress& progress) const;
  const PollCounts& polls() const { return polls_; }

 private:
  void on(ObservationEnded& event, Instant now);
  void on(ActionEnded& event, Instant now);
  void on(RetryForgotten& event, Instant now);
  void on(FetchEnded& event, Instant now);
  void on(MetaAnswered& event, Instant now);
  void on(ConfigReloaded& event, Instant now);

  void drop_agents_except(const std::vector<std::string>& names);
  void decide_for(const std::string& name, Agent& agent, const Progress& progress, Instant now);
  void take_failure(const MetaAnswered& answer, Instant now);
  void take_assignments(const HeartbeatResponse& response, Instant now);
  void note_poll(const std::string& outcome, Instant now);

  Agent& agent(const std::string& name) { return agents_.try_emplace(name, name).first->second; }
  const DesiredAgent* desired(const std::string& name) const;
  bool is_heartbeat_due(Instant now) const { return polling_.is_due(now.steady) && !is_heartbeat_sent_; }

  void add(Effect effect) { effects_.push_back(std::move(effect)); }
  template <typename... Parts>
  void log_info(const Parts&... parts) {
    add(LogInfo{cat(parts...)});
  }
  Effects take_effects() { return std::exchange(effects_, {}); }

  Config config_;
  Random random_;
  const Clock::time_point begin_;  // of the process
  Polling polling_;
  bool is_heartbeat_sent_ = false;   // and MetaAnswered has not arrived
  bool is_heartbeat_ready_ = false;  // one was due when this pass began
  std::map<std::string, DesiredAgent> desired_;
  std::map<std::string, Agent> agents_;
  PollCounts polls_;
  std::string server_;  // that answered last
  Effects effects_;     // of the call that runs
};

}  // namespace ops::updater
