#pragma once

// Sends heartbeats to ops-meta, over a list of servers.

#include <chrono>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/protocol/heartbeat.h"
#include "updater/release/download.h"

namespace ops::updater {

class MetaClient {
 public:
  /// Sends the heartbeat to the server that answered last. Goes on to the next one only if that server is not available: no
  /// connection, no heartbeat reply within 20 s, or a status 5xx. A server that refuses the heartbeat (4xx, or an errorMessage)
  /// speaks for all servers. The error names each server that was asked, and its failure.
  Result<HeartbeatResponse> send(const std::vector<std::string>& servers, const HeartbeatRequest& heartbeat,
                                 const std::stop_token& cancel, const ClientCredentials& access = {});

  /// The server that answered last; "" before the first answer.
  const std::string& answered_by() const { return answered_by_; }

  /// The longest Retry-After in the replies to the last send().
  std::optional<std::chrono::seconds> retry_after() const { return retry_after_; }

 private:
  /// `refuses`: whether the server is available and refuses the heartbeat.
  Result<HeartbeatResponse> ask(bool& refuses, const std::string& server, const std::string& body,
                                const std::stop_token& cancel, const ClientCredentials& access);

  size_t preferred_ = 0;
  std::string answered_by_;
  std::optional<std::chrono::seconds> retry_after_;
};

}  // namespace ops::updater
