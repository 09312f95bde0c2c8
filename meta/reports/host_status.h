#pragma once

// Hosts with all that they last said: one (/status/host/HOST), and pages of them, for people who look through them
// (/status/hosts).

#include <string>

#include "common/base/result.h"
#include "common/http/server.h"
#include "meta/hosts/host_table.h"
#include "meta/reports/agent_status.h"

namespace ops::meta {

/// {"hostname": "h1", "heardAt": 1447000000, "updaterVersion": "1.0.0", "platform": "linux_amd64", "agents": [{"name":
///   "falcon-agent", "version": "3.1.2", "status": "started", "timestamp": 1447000000, "update": {…}}]}
/// "update" is there while something happens to the agent; one that is on its way to the host for the first time has the
/// name and that only.
std::string host_json(const std::string& hostname, const Host& host);

/// The filter of ?prefix=…&from=HOST&limit=N, with a limit of 1 to kMaxHostsOfAPage. An error is a line for the person who
/// asked.
Result<StatusFilter> page_from_query(const HttpRequest& request);
inline constexpr size_t kMaxHostsOfAPage = 1000;

/// {"hosts": [as host_json has it], "next": "h200"}: sorted by name; "next" is what to give as `from` to go on, and absent
/// when these were the last ones. Made while it is read, like the other listings. Borrows the table.
BodyStream status_hosts(const HostTable& hosts, StatusFilter page);

}  // namespace ops::meta
