#pragma once

// Talks to ops-meta: one heartbeat, over as many servers as it takes.

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
  /// Sends the heartbeat to the server that answered last, and on to the next one when that is unreachable, answers 5xx or
  /// something that is no heartbeat's reply. The error names every server and what was wrong with it.
  Result<HeartbeatResponse> send(const std::vector<std::string>& servers, const HeartbeatRequest& heartbeat,
                                 const std::stop_token& cancel, const ClientCredentials& access = {});

  /// The server that answered last; "" before the first answer.
  const std::string& answered_by() const { return answered_by_; }

  /// The longest Retry-After among the last send's replies.
  std::optional<std::chrono::seconds> retry_after() const { return retry_after_; }

 private:
  Result<HeartbeatResponse> ask(const std::string& server, const std::string& body, const std::stop_token& cancel,
                                const ClientCredentials& access);

  size_t preferred_ = 0;
  std::string answered_by_;
  std::optional<std::chrono::seconds> retry_after_;
};

}  // namespace ops::updater
