#pragma once

// Sends heartbeats to ops-meta, over a list of servers.

#include <chrono>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/protocol/heartbeat.h"
#include "updater/model/schedule.h"
#include "updater/release/download.h"

namespace ops::updater {

class MetaClient {
 public:
  /// `generation`: the highest one that an earlier run of the updater has seen.
  explicit MetaClient(int64_t generation = 0) : generation_(generation) {}

  struct Timing {
    Clock::time_point now{};
    Clock::duration stay = std::chrono::hours(1);  // with another server than the first one
  };

  /// Sends the heartbeat to the server that answered last. Goes on to the next one only if that server is not available: no
  /// connection, no heartbeat reply within 20 s, a status 5xx, or a reply of an older generation. A server that refuses the
  /// heartbeat (4xx, or an errorMessage) speaks for all servers. After `stay` with another server than the first one, asks the
  /// first one again before it; its failure counts then only if no server answers. The error names each server that was asked,
  /// and its failure. Sets the generation of the heartbeat.
  Result<HeartbeatResponse> send(const std::vector<std::string>& servers, HeartbeatRequest heartbeat,
                                 const std::stop_token& cancel, const ClientCredentials& access, const Timing& timing);

  /// The server that answered last; "" before the first answer.
  const std::string& answered_by() const { return answered_by_; }

  /// The highest generation in a reply so far.
  int64_t generation() const { return generation_; }

  /// The replies to the last send() that were not obeyed because of an older generation; "" if there were none.
  const std::string& stale() const { return stale_; }

  /// The longest Retry-After in the replies to the last send().
  std::optional<std::chrono::seconds> retry_after() const { return retry_after_; }

 private:
  /// `refuses`: whether the server is available and refuses the heartbeat.
  Result<HeartbeatResponse> ask(bool& refuses, const std::string& server, const std::string& body,
                                const std::stop_token& cancel, const ClientCredentials& access);

  std::vector<size_t> order(size_t servers, Clock::time_point now) const;

  size_t preferred_ = 0;
  Clock::time_point return_at_{};  // to the first server, when another one is preferred
  int64_t generation_;
  std::string stale_;
  std::string answered_by_;
  std::optional<std::chrono::seconds> retry_after_;
};

}  // namespace ops::updater
