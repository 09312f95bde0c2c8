#pragma once

// The listings of many hosts: /status/text, /status/json and /status/summary. What is long is made while it is read, a few
// hundred hosts at a time, so that it starts at once, takes no memory, and no heartbeat waits for it. A host that comes or
// goes meanwhile may be in it or not; all others are in it once.

#include <optional>
#include <string>

#include "common/base/result.h"
#include "common/http/server.h"
#include "meta/hosts/host_table.h"

namespace ops::meta {

/// Which hosts to list. What is "" holds for every host; a host that lacks the agent has no version and no status.
struct StatusFilter {
  std::string agent;
  std::string version;  // the installed one
  std::string status;   // a text that means started or stopped (common/protocol/status.h) stands for all that do
  std::string phase;    // of the agent's update
  std::string prefix;   // of the hostname
  std::string from;     // the first hostname that may be listed, whether there is such a host or not: to go on with a listing
  std::optional<size_t> limit;

  /// From ?version=…&status=…&phase=…&prefix=…&from=HOST&limit=N; other keys are ignored, as the original does. An error is a
  /// line for the person who asked.
  static Result<StatusFilter> from_query(const std::string& agent, const HttpRequest& request);
};

/// `host version status timestamp YYYY-MM-DD HH:MM:SS`, or `host not found`; a line a host. Borrows the table.
BodyStream status_text(const HostTable& hosts, StatusFilter filter);

/// An object by hostname: the original's fields, and behind them what happens to the agent, if anything. null where the host
/// lacks it; an agent that is on its way to a host for the first time has the update only.
BodyStream status_json(const HostTable& hosts, StatusFilter filter);

/// {"hosts": 3, "agents": {"falcon-agent": {"versions": {"1.0.0": {"hosts": 2, "started": 2, "stopped": 0, "other": 0,
///   "updates": {"downloading": 1}}}, "others": {…}}}}
/// Versions with most hosts first. At most kMaxListedVersions of them; those beyond are summed up as "others".
/// `more`: a JSON object whose keys follow.
std::string status_summary(const HostTable& hosts, std::string_view more = "{}");
inline constexpr size_t kMaxListedVersions = 1000;    // of an agent
inline constexpr size_t kMaxListedReleases = 10'000;  // of all

}  // namespace ops::meta
