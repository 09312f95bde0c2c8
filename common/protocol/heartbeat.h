#pragma once

// The heartbeat: what an updater says of its host, and what ops-meta answers. Open-Falcon's protocol (2015), JSON over HTTP:
//
//   POST /heartbeat
//   {"hostname": "h1", "realAgents": [{"name": "falcon-agent", "version": "3.1.2", "status": "started", "timestamp":
//   1447000000}],
//    "updaterVersion": "1.0.0", "platform": "linux_amd64",
//    "updates": [{"name": "falcon-agent", "version": "3.1.3", "phase": "downloading", "done": 1048576, "total": 20971520,
//                 "attempts": 1, "since": 1447000000, "error": ""}]}
//
//   {"errorMessage": "", "desiredAgents": [{"name": "falcon-agent", "version": "3.1.3", "tarball": "http://m:2000/falcon",
//                                           "md5": "", "cmd": "start"}],
//    "interval": 600}
//
// hostname, realAgents, errorMessage and desiredAgents are the original's, and stand in its order; the other keys are ours.
// Both sides ignore keys that they don't know. A list that is null or missing is empty. `status` is what
// `./control status` printed, or an error text; common/protocol/status.h says what it means. `timestamp` is the host's own
// clock, in seconds.
//
// `updates` has an entry for each agent that is being updated, failed or is held. common/protocol/phase.h lists the phases.
// done and total are bytes of the download. since is when the phase began. error is the error of the last attempt.
//
// `interval` is how many seconds the host should let pass between heartbeats, 1 to 3600 (what lies beyond is taken as the
// nearest of the two), until a reply says otherwise; 0, or no such key, leaves it to the host's own config. So a fleet is
// slowed down at one place.

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"

namespace ops {

inline constexpr size_t kMaxHostnameSize = 253;       // bytes; DNS's limit
inline constexpr size_t kMaxAgentsPerHost = 256;      // in one heartbeat and in one reply
inline constexpr size_t kMaxStatusSize = 512;         // bytes; a longer status is cut, not refused
inline constexpr size_t kMaxHeartbeatSize = 1 << 20;  // bytes of a request's or a reply's body
inline constexpr size_t kMaxJsonDepth = 16;           // levels, and
inline constexpr size_t kMaxJsonValues = 8192;        // values in it; kMaxAgentsPerHost agents have half of that
inline constexpr int64_t kLongestInterval = 3600;     // seconds; what a reply may ask for

/// An agent that is installed on a host.
struct RealAgent {
  std::string name;
  std::string version;
  std::string status;
  int64_t timestamp = 0;

  bool operator==(const RealAgent&) const = default;
};

/// The progress of an agent's update.
struct AgentUpdate {
  std::string name;
  std::string version;
  std::string phase;  // a word of common/protocol/phase.h, or of a later updater
  int64_t done = 0;
  int64_t total = 0;  // 0 when it isn't known
  int64_t attempts = 0;
  int64_t since = 0;
  std::string error;

  bool operator==(const AgentUpdate&) const = default;
};

struct HeartbeatRequest {
  std::string hostname;
  std::vector<RealAgent> real_agents;
  std::vector<AgentUpdate> updates;  // none from the Go updater
  std::string updater_version;       // "" from the Go updater
  std::string platform;              // "linux_amd64"; "" from the Go updater
  /// Only from parse_heartbeat_request: why entries of the two lists were left out, a line each. The rest is good.
  std::vector<std::string> refused = {};

  bool operator==(const HeartbeatRequest&) const = default;
};

/// What should run on a host. `cmd` is start, stop or "" (leave it alone); of `tarball` and `md5` see
/// common/protocol/release.h.
struct DesiredAgent {
  std::string name;
  std::string version;
  std::string tarball;
  std::string md5;
  std::string cmd;

  bool operator==(const DesiredAgent&) const = default;
};

struct HeartbeatResponse {
  std::string error_message;
  std::vector<DesiredAgent> desired_agents;
  /// Only from parse_heartbeat_response: why entries of the list or the interval were left out, a line each. The others are
  /// good.
  std::vector<std::string> refused;
  int64_t interval = 0;  // seconds; 0 leaves it to the host

  bool operator==(const HeartbeatResponse&) const = default;
};

/// The first entry of this name in a list of RealAgent, AgentUpdate or DesiredAgent, borrowed; nullptr if there is none.
template <typename Entry>
const Entry* find_by_name(const std::vector<Entry>& entries, std::string_view name) {
  const auto found = std::find_if(entries.begin(), entries.end(), [&](const Entry& entry) { return entry.name == name; });
  return found == entries.end() ? nullptr : &*found;
}

/// Agent names match [A-Za-z0-9][A-Za-z0-9._+-]{0,127}. Versions may hold a "~" as well, as Debian's 1.0~rc1 does. Both become
/// folder names, parts of URLs and columns of text.
bool is_valid_name(std::string_view name);
bool is_valid_version(std::string_view version);

/// Says why a name or a version is refused: `agent name "../x" is not of the form …`.
std::string invalid_name_message(std::string_view name);
std::string invalid_version_message(std::string_view version);

/// Why an agent of that name and version is refused; "" when it is not.
std::string refusal_of(std::string_view name, std::string_view version);

/// 1 to 253 bytes of UTF-8 without white space or control characters.
bool is_valid_hostname(std::string_view hostname);

/// An agent with a bad name or version is left out; all else that is wrong refuses the request. The error's message is the line
/// that the sender gets with a 400. "body is blank", "body format error" and "hostname is blank" are the original's words;
/// scripts look for them.
Result<HeartbeatRequest> parse_heartbeat_request(std::string_view body);
Result<HeartbeatResponse> parse_heartbeat_response(std::string_view body);

/// The hostname in a request's text, which may be cut or wrong otherwise; "" when there is no valid one.
std::string hostname_in(std::string_view body);

std::string to_json(const AgentUpdate& update);
std::string to_json(const HeartbeatRequest& request);
std::string to_json(const HeartbeatResponse& response);

}  // namespace ops
