#pragma once

// The updater's main loop: carries out the effects that Cycle (cycle.h) decides on, and returns the results to Cycle as events.
// Slow work runs in other threads: observations, actions and all files of an agent in one queue per agent, heartbeats and notes
// in queues of their own, fetches in the FetchWorker, the list of agents in FolderList. The loop itself waits for no file
// system but that of the log.

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "common/daemon/daemon.h"
#include "updater/agent/folder_list.h"
#include "updater/agent/task_queues.h"
#include "updater/config.h"
#include "updater/cycle.h"
#include "updater/error_throttle.h"
#include "updater/meta_client.h"
#include "updater/model/layout.h"
#include "updater/release/fetch_worker.h"

namespace ops::updater {

class MainLoop {
 public:
  /// `layout` must outlive the loop.
  MainLoop(std::string config_path, Config config, const Layout& layout);

  /// Writes into var/app.poll that no heartbeat was sent yet. Returns the server and the time of the first one: "asks
  /// http://10.0.0.1:2000 in 3 s".
  std::string announce();

  /// Returns after SIGTERM or SIGINT. The agents keep running.
  void run(const Signals& signals);

  /// The asker of a reload: the operator, by a signal, or any user of the host, at the debug port.
  enum class Asker { the_operator, any_user };

  /// Reads the config file again, and sends a heartbeat: for any user only within the limits of Polling::ask_soon(). With an
  /// error, the config in use stays. Any thread may call it.
  Result<void> reload(Asker asker);
  std::shared_ptr<const Config> config() const;

  /// All agents, sorted by name, as the last pass of the loop left them. Any thread may call it.
  std::vector<AgentReport> report() const;
  PollCounts polls() const;

  /// Why /health is not "ok": the loop has not come round for a long time. "" when it has. Any thread may call it.
  std::string trouble() const;

 private:
  bool is_worth_a_line(Asker asker, const std::string& outcome);

  struct Posted {
    std::string queue;  // "" for an event that comes from no queue
    Event event;
  };

  void pass();
  void expect_pass_before(Clock::time_point time);
  void write_notes();
  void save_generation();
  void take_events();
  std::optional<Event> next_event();
  void post(std::string queue, Event event);
  void publish();

  void carry_out(const Effects& effects);
  void perform(const Observe& effect);
  void perform(const Act& effect);
  void perform(const SaveState& effect);
  void perform(const ForgetRetry& effect);
  void perform(const Fetch& effect);
  void perform(const SendHeartbeat& effect);
  void perform(const NotePoll& effect);
  void perform(const LogInfo& effect);
  void perform(const LogError& effect);
  void perform(const EndError& effect);
  ClientCredentials credentials(Request request) const;

  const std::string config_path_;
  const Layout& layout_;
  const std::string host_id_;

  // Used by the loop's thread only.
  Cycle cycle_;
  FolderList folders_;
  std::set<std::string> forgetting_;  // agents whose ForgetRetry is under way
  MetaClient meta_;                   // used by the heartbeats' queue only, like generation_
  int64_t generation_;                // in kGenerationFile

  ErrorThrottle errors_;
  std::atomic<Clock::rep> pass_expected_at_{Clock::time_point::max().time_since_epoch().count()};

  mutable std::mutex mutex_;
  std::shared_ptr<const Config> config_;       // guarded by mutex_; swapped whole
  std::shared_ptr<TlsSessionCache> sessions_;  // guarded by mutex_; new with each config
  std::vector<Posted> events_;                 // guarded by mutex_
  std::vector<AgentReport> report_;            // guarded by mutex_
  PollCounts polls_;                           // guarded by mutex_
  std::optional<std::string> note_;            // the poll note to write; guarded by mutex_
  bool is_writing_notes_ = false;              // guarded by mutex_
  std::string last_reload_;                    // its outcome; guarded by mutex_
  Clock::time_point last_reload_at_{};         // guarded by mutex_

  FetchWorker fetch_worker_;
  TaskQueues queues_;  // last: its threads end before the members that they use are destroyed
};

}  // namespace ops::updater
