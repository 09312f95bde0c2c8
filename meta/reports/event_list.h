#pragma once

// /events: the history (event_log.h) as a reply.
//
//   {"events": [{"id": 1447000000123456, "time": 1447000000, "kind": "begin", …}, …], "next": 1447000000123456}
//
// `?since=NEXT` returns the events after that reply: the page and `./control log --follow` poll so. (Server-Sent Events were
// rejected: ops-meta's HTTP server has no connection that waits for an event.)

#include <string>

#include "common/base/result.h"
#include "common/http/message.h"
#include "meta/events/event_log.h"

namespace ops::meta {

/// The query of `?since=&agent=&kind=&limit=`.
Result<EventQuery> event_query(const HttpRequest& request);

std::string to_json(const FoundEvents& found);

/// For ./control: `next` in the first line, then one event per line: "2015-11-08 16:26:40  begin  falcon-agent 3.1.3: the
/// rollout begins with h1; 0 hosts run it", in local time. An operator is in brackets at the end.
std::string to_text(const FoundEvents& found);

}  // namespace ops::meta
