#pragma once

// Answers POST /heartbeat: records the report of the host and replies with its agents. Counts and logs refused heartbeats, and
// agents that it leaves out of a report because their name or version is invalid.

#include <chrono>
#include <mutex>

#include "common/http/message.h"
#include "meta/config/assignments.h"
#include "meta/hosts/host_table.h"
#include "meta/reports/metrics.h"
#include "meta/reports/throttled_log.h"
#include "meta/rollout/controller.h"

namespace ops::meta {

/// Synchronises itself. Borrows all arguments of the constructor.
class HeartbeatHandler {
 public:
  HeartbeatHandler(HostTable& hosts, RolloutController& controller, MetaCounters& counters)
      : hosts_(hosts), controller_(controller), counters_(counters) {}

  /// The reply to a heartbeat. The caller has checked that the client may send one.
  HttpResponse answer(const HttpRequest& request, const Assignments& assignments);

  /// Counts and logs a heartbeat from a client without a valid token or certificate. Returns `refusal`.
  HttpResponse refuse(const HttpRequest& request, HttpResponse refusal) {
    return refuse(request, std::move(refusal), counters_.unauthorized);
  }

  /// The heartbeats that got a 400, 401 or 403, by the address of the client.
  const ThrottledLog& refused() const { return refused_; }

 private:
  HttpResponse record(const HttpRequest& request, const Assignments& assignments);
  HttpResponse refuse(const HttpRequest& request, HttpResponse refusal, Counter& counter);
  HttpResponse table_full(const HeartbeatRequest& heartbeat, const Error& why);
  void log_left_out(const HeartbeatRequest& heartbeat);

  HostTable& hosts_;
  RolloutController& controller_;
  MetaCounters& counters_;
  ThrottledLog refused_{"refused a heartbeat from"};
  ThrottledLog left_out_{"left out an agent of host"};
  ThrottledLog duplicates_{"two machines send heartbeats as host"};

  std::mutex mutex_;
  std::chrono::steady_clock::time_point next_table_full_warning_{};  // guarded by mutex_
};

}  // namespace ops::meta
