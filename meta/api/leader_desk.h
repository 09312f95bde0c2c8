#pragma once

// What an ops-meta that leads does for the other one, in front of Routes: it adds its generation to the replies to heartbeats,
// sends its state to the ops-meta that stands by, steps down when an operator promotes that one, and asks it every 2 s whether
// it leads by a later promotion. Without `standby` in cfg.json it only adds the generation.
//
//   GET /leader                 200 and leader_line(); 503 after it stepped down. Needs no token
//   GET /standby/state?now=T    followed_state.h
//   GET /standby/hosts?now=T    host_snapshot.h
//   GET /standby/role           "leads", for ./control status
//   POST /standby/step-down     steps down; the reply is the state. To repeat it is harmless
//
// All but /leader need one of http.adminTokens. T is the time of the reader, in seconds since 1970.
//
// A process that was stopped, or a machine that was paused, may have been replaced meanwhile. So after a gap of 10 s in its own
// clock, heartbeats get a 503 until the other ops-meta has answered, or has not.

#include <atomic>
#include <chrono>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>

#include "meta/api/routes.h"
#include "meta/standby/leadership.h"
#include "meta/standby/peer.h"

namespace ops::meta {

/// Synchronises itself. Borrows the routes and the table.
class LeaderDesk {
 public:
  /// `wake`: called when this ops-meta has stepped down.
  LeaderDesk(Routes& routes, HostTable& hosts, const StandbyConfig& standby, Leadership leadership, std::function<void()> wake);

  HttpResponse handle(const HttpRequest& request);

  /// Writes the end of the warm-up to var/leader.json, unless this ops-meta has stepped down.
  void end_warm_up();

  /// From then on heartbeats get a 503. The caller keeps serving for a moment, so that the last reply arrives.
  bool has_stepped_down() const { return has_stepped_down_; }

 private:
  using Clock = std::chrono::steady_clock;

  HttpResponse answer_standby(const HttpRequest& request);
  HttpResponse state(const HttpRequest& request);
  HttpResponse send_hosts(const HttpRequest& request);
  HttpResponse stands_by() const;
  void add_summary(const HttpRequest& request, HttpResponse& response) const;
  std::optional<int64_t> behind() const;  // seconds since the other ops-meta read the state
  void step_down(const std::string& why);
  void watch(const std::stop_token& stop);
  bool is_unsure() const;

  Routes& routes_;
  HostTable& hosts_;
  const bool is_pair_;
  const Peer peer_;
  const Leadership leadership_;
  const std::function<void()> wake_;

  std::mutex mutex_;  // of var/leader.json
  std::atomic<bool> has_stepped_down_ = false;
  std::atomic<bool> is_unsure_;          // after the start or a pause, until the other ops-meta was asked
  std::atomic<Clock::rep> expected_at_;  // the thread gives a sign before
  std::atomic<Clock::rep> read_at_ = 0;  // the other ops-meta read the state; 0: never
  std::jthread thread_;                  // the last member: it uses the others
};

/// The metrics of a pair: whether this ops-meta leads, its generation, and how far the one that stands by is behind.
std::string standby_metrics(bool leads, int64_t generation, std::optional<int64_t> behind);

}  // namespace ops::meta
