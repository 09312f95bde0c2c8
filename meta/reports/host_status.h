#pragma once

// Hosts with everything in their last heartbeat: one host (/status/host/HOST) and pages of hosts (/status/hosts).

#include <string>

#include "common/base/result.h"
#include "common/http/server.h"
#include "meta/hosts/host_table.h"
#include "meta/reports/agent_status.h"

namespace ops::meta {

/// {"hostname": "h1", "heardAt": 1447000000, "updaterVersion": "1.0.0", "platform": "linux_amd64", "agents": [{"name":
///   "falcon-agent", "version": "3.1.2", "status": "started", "timestamp": 1447000000, "update": {…}}]}
/// "update" (common/protocol/heartbeat.h) is present while the host reports one for the agent. An agent that is installed
/// for the first time has "name" and "update" only.
std::string host_json(const std::string& hostname, const Host& host);

/// The filter of ?prefix=…&from=HOST&limit=N&agent=…&version=…&status=…&phase=…&failed=…, with a limit of 1 to
/// kMaxHostsOfAPage. With an agent, only hosts that report the agent or an update of it. The other keys of an agent need it.
/// The error is one line for the client.
Result<StatusFilter> page_from_query(const HttpRequest& request);
inline constexpr size_t kMaxHostsOfAPage = 1000;

/// {"hosts": [as host_json has it], "next": "h200"}, sorted by name. "next" is the `from` of the next page; the last page has
/// none. Produced while it is sent, like the listings of agent_status.h. Borrows the table.
BodyStream status_hosts(const HostTable& hosts, StatusFilter page);

}  // namespace ops::meta
