#pragma once

// The heartbeat: the report of an updater about its host, and the reply of ops-meta. Open-Falcon's protocol (2015), JSON over
// HTTP:
//
//   POST /heartbeat
//   {"hostname": "h1",
//    "realAgents": [{"name": "falcon-agent", "version": "3.1.2", "status": "started", "timestamp": 1447000000,
//                    "restarts": 2, "started": 95, "md5": "9d5ed678fe57bcca610140957afab571"}],
//    "updaterVersion": "1.0.0", "platform": "linux_amd64", "interval": 300, "uptime": 1234,
//    "updates": [{"name": "falcon-agent", "version": "3.1.3", "phase": "downloading", "done": 1048576, "total": 20971520,
//                 "attempts": 1, "since": 1447000000, "error": ""}]}
//
//   {"errorMessage": "", "desiredAgents": [{"name": "falcon-agent", "version": "3.1.3", "tarball": "http://m:2000/falcon",
//                                           "md5": "", "cmd": "start", "soak": 600}],
//    "interval": 600}
//
// hostname, realAgents, errorMessage and desiredAgents come from the Go original and keep its order; this implementation adds
// the other keys. Both sides ignore unknown keys. A list that is null or missing is empty. `status` is the output of
// `./control status`, or an error text; common/protocol/status.h defines its meaning. `timestamp` is the host's clock, in
// seconds since 1970.
//
// `updates` has an entry for each agent that the host updates, that failed or that is held. common/protocol/phase.h lists the
// phases. `done` and `total` are bytes of the download. `since` is the begin of the phase, in seconds since 1970. `error` is
// the error of the last attempt.
//
// `interval` of a reply is the number of seconds between two heartbeats of the host, until a later reply changes it. The host
// clamps it to 1 to 3600. 0, null or a missing key means the interval of the host's own config. With this key an operator slows
// down a whole fleet.
//
// ops-meta judges a release by these keys of a request (meta/rollout/policy.h). Each is optional; ops-meta ignores a value that
// is no whole number or out of range:
//
//   interval   1 to 86400: seconds between two heartbeats of the host, before the random factor
//   uptime     seconds since the updater's process started, by the steady clock
//   restarts   of an agent: how many times the updater has started it again since the switch to this version, and since the
//              updater itself started. The first start, and starts after a stop order or a boot, do not count
//   started    of an agent: seconds since the updater last started it; missing if the updater that runs now has not started it
//   md5        of an agent: the MD5 of the tarball that this version was installed from, 32 hex digits; missing if it is not
//              known
//
// `hostId` of a request is optional: an id of the host's updater. Two ids in turns under one hostname are two machines
// (meta/hosts/duplicate_names.h).
//
// `generation` says which ops-meta leads when a site has several. A reply has the generation of the ops-meta. A request has the
// highest generation that the host has seen in a reply. An updater does not obey a reply with a lower generation than an
// earlier reply had. An ops-meta assigns nothing to a host that has seen a higher generation than its own. 0, an invalid value
// or a missing key means that there is no second ops-meta.
//
// A desired agent has four optional keys:
//
//   soak                       seconds, at most 604800, in which a host proves the release. Until then the updater keeps the
//                              version before on the disk, and goes back to it from a release that keeps dying
//                              (updater/model/soak.h). 0: no soak; an invalid value or a missing key: two intervals
//   mirrors                    a list of further base URLs for the release. The updater tries `tarball`, then these in their
//                              order, until one serves the release. The Go updater and ops-updater 1.0 know `tarball` only
//   startTimeout, stopTimeout  seconds, at most 3600, after the end of `./control start` or `stop` until the status must have
//                              changed. 0, an invalid value or a missing key: those of the host's config

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"

namespace ops {

inline constexpr size_t kMaxHostnameSize = 253;        // bytes; the limit of DNS
inline constexpr size_t kMaxAgentsPerHost = 256;       // in one heartbeat and in one reply
inline constexpr size_t kMaxStatusSize = 512;          // bytes; a longer status is cut
inline constexpr size_t kMaxHeartbeatSize = 1 << 20;   // bytes of a request's or a reply's body
inline constexpr size_t kMaxJsonDepth = 16;            // levels of a body
inline constexpr size_t kMaxJsonValues = 8192;         // values of a body; kMaxAgentsPerHost agents need half of that
inline constexpr int64_t kLongestInterval = 3600;      // seconds; of a reply
inline constexpr int64_t kLongestOwnInterval = 86400;  // seconds; of a host's own config

inline constexpr size_t kMaxMirrors = 7;  // URLs of an agent, beside `tarball`

inline constexpr int64_t kLongestTimeout = 3600;    // seconds; of startTimeout and stopTimeout
inline constexpr int64_t kLongestSoak = 7 * 86400;  // seconds

/// An agent that is installed on a host.
struct RealAgent {
  std::string name;
  std::string version;
  std::string status;
  int64_t timestamp = 0;
  int64_t restarts = 0;
  int64_t started = -1;  // seconds; -1 when the host does not report it
  std::string md5 = {};  // in lower case; "" when it is not known

  bool operator==(const RealAgent&) const = default;
};

/// The progress of an agent's update.
struct AgentUpdate {
  std::string name;
  std::string version;
  std::string phase;  // a word of common/protocol/phase.h, or of a later updater
  int64_t done = 0;
  int64_t total = 0;  // 0 when it is unknown
  int64_t attempts = 0;
  int64_t since = 0;
  std::string error;

  bool operator==(const AgentUpdate&) const = default;
};

struct HeartbeatRequest {
  std::string hostname;
  std::vector<RealAgent> real_agents;
  std::vector<AgentUpdate> updates;  // empty from the Go updater
  std::string updater_version;       // "" from the Go updater
  std::string platform;              // "linux_amd64"; "" from the Go updater
  int64_t interval = 0;              // seconds; 0 when the host does not report it
  int64_t uptime = -1;               // seconds; -1 when the host does not report it
  std::string host_id = {};          // "" when the host does not report it
  int64_t generation = 0;            // 0 when the host has seen none
  /// Set by parse_heartbeat_request: why it dropped entries of the two lists, one line each.
  std::vector<std::string> refused = {};

  bool operator==(const HeartbeatRequest&) const = default;
};

/// An agent that ops-meta assigns to a host. `cmd` is start, stop or "" (do not change it). common/protocol/release.h defines
/// `tarball` and `md5`. `preserve` is an optional key: updater/release/unpack.h defines it.
struct DesiredAgent {
  std::string name;
  std::string version;
  std::string tarball;
  std::string md5;
  std::string cmd;
  bool preserve = false;
  int64_t soak = -1;          // seconds; 0 for none; -1 when ops-meta does not name it
  int64_t start_timeout = 0;  // seconds; 0 for the one in the host's config
  int64_t stop_timeout = 0;   // seconds; 0 for the one in the host's config
  std::vector<std::string> mirrors = {};

  bool operator==(const DesiredAgent&) const = default;
};

struct HeartbeatResponse {
  std::string error_message;
  std::vector<DesiredAgent> desired_agents;
  /// Set by parse_heartbeat_response: why it dropped entries of the list or the interval, one line each.
  std::vector<std::string> refused;
  int64_t interval = 0;  // seconds; 0 means the interval of the host's config
  int64_t generation = 0;

  bool operator==(const HeartbeatResponse&) const = default;
};

/// The first entry of this name in a list of RealAgent, AgentUpdate or DesiredAgent, borrowed; nullptr for no match.
template <typename Entry>
const Entry* find_by_name(const std::vector<Entry>& entries, std::string_view name) {
  const auto found = std::find_if(entries.begin(), entries.end(), [&](const Entry& entry) { return entry.name == name; });
  return found == entries.end() ? nullptr : &*found;
}

/// Agent names match [A-Za-z0-9][A-Za-z0-9._+-]{0,127}. Versions may also contain "~", as Debian's 1.0~rc1 does. Both are used
/// in folder names, in URLs and in columns of text.
bool is_valid_name(std::string_view name);
bool is_valid_version(std::string_view version);

/// The error for an invalid name or version: `agent name "../x" is not of the form …`.
std::string invalid_name_message(std::string_view name);
std::string invalid_version_message(std::string_view version);

/// The error for an agent with this name and version; "" when both are valid.
std::string refusal_of(std::string_view name, std::string_view version);

/// 1 to 253 bytes of UTF-8 without white space, control characters and the invisible characters of one_line().
bool is_valid_hostname(std::string_view hostname);

/// Drops agents with an invalid name or version. Any other fault is an error; its message is the body of the reply with status
/// 400. "body is blank", "body format error" and "hostname is blank" are messages of the Go original: scripts search for them.
Result<HeartbeatRequest> parse_heartbeat_request(std::string_view body);
Result<HeartbeatResponse> parse_heartbeat_response(std::string_view body);

/// The hostname in the text of a request, even when the request is truncated or invalid; "" when it has no valid hostname.
std::string hostname_in(std::string_view body);

std::string to_json(const AgentUpdate& update);
std::string to_json(const HeartbeatRequest& request);
std::string to_json(const HeartbeatResponse& response);

}  // namespace ops
