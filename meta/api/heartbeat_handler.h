#pragma once

// Answers POST /heartbeat: records what the host says, and tells it what it should run. What is refused, or left out of a
// heartbeat, is counted and named in the log.

#include <chrono>
#include <mutex>

#include "common/http/message.h"
#include "meta/config/assignments.h"
#include "meta/hosts/host_table.h"
#include "meta/reports/metrics.h"
#include "meta/reports/throttled_log.h"
#include "meta/rollout/controller.h"

namespace ops::meta {

/// Synchronises itself. Borrows all three.
class HeartbeatHandler {
 public:
  HeartbeatHandler(HostTable& hosts, RolloutController& controller, MetaCounters& counters)
      : hosts_(hosts), controller_(controller), counters_(counters) {}

  /// The reply to a heartbeat of a client that may send one.
  HttpResponse answer(const HttpRequest& request, const Assignments& desired);

  /// Counts and notes a heartbeat that is refused for want of a token or a certificate, and returns `refusal`.
  HttpResponse refuse(const HttpRequest& request, HttpResponse refusal) {
    return refuse(request, std::move(refusal), counters_.unauthorized);
  }

  /// By the address of the client: heartbeats that got a 400, 401 or 403.
  const ThrottledLog& refused() const { return refused_; }

 private:
  HttpResponse record(const HttpRequest& request, const Assignments& desired);
  HttpResponse refuse(const HttpRequest& request, HttpResponse refusal, Counter& counter);
  HttpResponse no_room(const HeartbeatRequest& heartbeat, const Error& why);
  void note_left_out(const HeartbeatRequest& heartbeat);

  HostTable& hosts_;
  RolloutController& controller_;
  MetaCounters& counters_;
  ThrottledLog refused_{"refused a heartbeat from"};
  ThrottledLog left_out_{"left out an agent of host"};

  std::mutex mutex_;
  std::chrono::steady_clock::time_point next_warning_of_no_room_{};  // guarded by mutex_
};

}  // namespace ops::meta
