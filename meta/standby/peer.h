#pragma once

// Requests of one ops-meta to the other one (`standby` in cfg.json).

#include <stop_token>
#include <string>

#include "common/base/result.h"
#include "meta/config/config.h"

namespace ops::meta {

struct PeerReply {
  long status = 0;
  std::string body;
};

/// Each request ends 2 s after its last byte, and after 30 s at most. Thread-safe.
class Peer {
 public:
  explicit Peer(StandbyConfig settings) : settings_(std::move(settings)) {}

  /// A reply with any status. An error names the URL.
  Result<PeerReply> get(const std::string& target, const std::stop_token& cancel) const;
  Result<PeerReply> post(const std::string& target, const std::stop_token& cancel) const;

  /// Without a trailing slash and without secrets: for messages.
  std::string url() const;
  /// The URL without its scheme: "m1:2000".
  std::string address() const;

 private:
  Result<PeerReply> ask(const std::string& target, const std::string* body, const std::stop_token& cancel) const;

  const StandbyConfig settings_;
};

}  // namespace ops::meta
