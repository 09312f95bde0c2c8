#pragma once

// Listings of one agent on many hosts: /status/text/AGENT and /status/json/AGENT.
//
// A listing is produced while it is sent, a few hundred hosts at a time: the first byte is early, the memory is bounded, and
// heartbeats are blocked for a moment only. A host that is added or removed meanwhile may be listed or not; every other host
// is listed once.

#include <functional>
#include <optional>
#include <string>

#include "common/base/result.h"
#include "common/http/server.h"
#include "meta/hosts/host_table.h"

namespace ops::meta {

/// Which hosts to list. A field that is "" matches every host. A host that lacks the agent has no version and no status.
struct StatusFilter {
  std::string agent;
  std::string version;  // the installed one
  std::string status;   // a text that means started or stopped (common/protocol/status.h) matches all texts that mean the same
  std::string phase;    // of the agent's update
  std::string failed;   // a version: hosts on which it failed, or that run it and are in late trouble (meta/hosts/survey.h)
  std::string prefix;   // of the hostname
  std::string from;     // the least hostname to list; no host of this name need exist
  std::optional<size_t> limit;
  /// Whether the host counts as failed for `failed` by its lease: it need not report the failure.
  std::function<bool(std::string_view host)> failed_by_lease;

  /// From ?version=…&status=…&phase=…&failed=…&prefix=…&from=HOST&limit=N. Other keys are ignored, as in the original. The
  /// error is one line for the client.
  static Result<StatusFilter> from_query(const std::string& agent, const HttpRequest& request);
};

/// Whether the host matches the version, status, phase and failed version of the filter. The views are of the filter's agent.
bool matches(const HostView& host, const StatusFilter& filter, const std::optional<AgentView>& agent,
             const std::optional<UpdateView>& update);

/// One line per host: `host version status timestamp YYYY-MM-DD HH:MM:SS`, or `host not found` if it lacks the agent. Borrows
/// the table.
BodyStream status_text(const HostTable& hosts, StatusFilter filter);

/// An object by hostname: the original's fields, then "update" while an update of the agent is under way or has failed. The
/// value is null if the host lacks the agent, and has "update" only while the agent is installed for the first time. Borrows
/// the table.
BodyStream status_json(const HostTable& hosts, StatusFilter filter);

}  // namespace ops::meta
