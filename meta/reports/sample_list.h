#pragma once

// /history: the samples (samples.h) as a reply.
//
//   {"now": 1447000000,
//    "fleet": {"times": [1446999980, 1446999990], "hosts": [100, 100], "silent": [0, 2], "heartbeats": [20, 18]},
//    "agents": ["falcon-agent"]}
//
// "agents" have samples of their own. With `?agent=falcon-agent`, "versions" are there instead of "fleet" and "agents". Each
// list has one entry for each time; null before the first sample of the version:
//
//   {"now": 1447000000, "agent": "falcon-agent", "times": [1446999980, 1446999990],
//    "versions": {"5.1.2": {"hosts": [100, 99], "failed": [0, 0]}, "5.2.0": {"hosts": [null, 1], "failed": [null, 0]}}}
//
// `?hours=24` returns the last 24 hours, 168 at most and by default. Times are seconds since 1970 by the wall clock, rising. An
// agent without samples has no versions.

#include <string>

#include "common/base/result.h"
#include "common/http/message.h"
#include "meta/reports/samples.h"

namespace ops::meta {

struct SampleQuery {
  std::string agent;  // "" for the fleet
  int64_t hours = Samples::kKept / 3600;
};

/// The error is one line for the client.
Result<SampleQuery> sample_query(const HttpRequest& request);

/// `now` is of the clock of the samples, `wall` what the wall clock shows then; both in seconds.
std::string to_json(const Samples& samples, const SampleQuery& query, int64_t now, int64_t wall);

}  // namespace ops::meta
