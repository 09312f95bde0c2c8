#pragma once

// The loop: look at the agents -> heartbeat -> plan -> act, again and again. It decides nothing by itself (plan.h) and waits
// for nobody: what takes long runs in an agent's lane (starts, stops, switches), in ops-meta's (the heartbeat) or in the
// fetch_worker (downloads).

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "common/daemon/daemon.h"
#include "updater/agent/agent.h"
#include "updater/agent/task_queues.h"
#include "updater/config.h"
#include "updater/error_throttle.h"
#include "updater/meta_client.h"
#include "updater/model/report.h"
#include "updater/model/schedule.h"
#include "updater/release/fetch_worker.h"

namespace ops::updater {

class Cycle {
 public:
  Cycle(std::string config_path, Config config, const Layout& layout);

  /// Notes in var/app.poll that the first heartbeat is still to come, and says when: "asks http://10.0.0.1:2000 in 3 s".
  std::string announce();

  /// Until SIGTERM or SIGINT. What the agents do goes on.
  void run(const Signals& signals);

  /// Reads the config file again; a bad file changes nothing. Any thread may call it.
  Result<void> reload();
  std::shared_ptr<const Config> config() const;

  /// What is known of every agent, sorted by name. Any thread may call it.
  std::vector<AgentReport> report() const;
  PollCounts polls() const;

 private:
  /// What a lane has done.
  struct Finished {
    std::string agent;
    std::optional<Result<Observed>> seen;  // of a look
    std::optional<Result<void>> outcome;   // of an action
    int preparations = 0;                  // of that agent, when the look began
  };

  /// What ops-meta said, or why it didn't.
  struct Answer {
    Result<HeartbeatResponse> response;
    std::optional<std::chrono::seconds> retry_after;
    std::string server;  // that gave the response
  };

  ClientCredentials access() const;
  void tick();
  void collect();
  void take_answer();
  void note_poll(const std::string& outcome);
  void obey(const HeartbeatResponse& response);
  void take_preparation();
  void look(bool at_all);
  void send_heartbeat();
  void note_phases();
  std::vector<AgentReport> report_agents() const;
  void decide();
  void decide_for(const std::string& name, Agent& agent);
  void latch_bad_release(const std::string& name, Agent& agent);
  void forget_failures(const std::string& name, Agent& agent);
  void act(const std::string& name, Agent& agent, const Decision& decision);
  void finish(const std::string& name, Agent& agent, Action action, const Result<void>& outcome);
  std::chrono::milliseconds time_until_next() const;
  const DesiredAgent* desired(const std::string& name) const;
  void publish();

  static constexpr char kMetaLane[] = "ops-meta's";  // no agent can be named so

  const std::string config_path_;
  const Layout& layout_;

  // The loop's own.
  Random random_{std::random_device{}()};
  MetaClient meta_;  // used in ops-meta's lane only
  Polling polling_;
  std::map<std::string, DesiredAgent> desired_;
  std::map<std::string, Agent> agents_;
  ErrorThrottle errors_;
  PollCounts polls_;

  mutable std::mutex mutex_;
  std::shared_ptr<const Config> config_;       // guarded by mutex_; swapped whole
  std::shared_ptr<TlsSessionCache> sessions_;  // guarded by mutex_; new with each config
  bool reloaded_ = false;                      // guarded by mutex_
  std::vector<Finished> inbox_;                // guarded by mutex_
  std::optional<Answer> answer_;               // guarded by mutex_
  std::vector<AgentReport> report_;            // guarded by mutex_
  PollCounts reported_polls_;                  // guarded by mutex_

  FetchWorker fetch_worker_;
  TaskQueues queues_;
};

}  // namespace ops::updater
