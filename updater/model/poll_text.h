#pragma once

// What the loop says of its heartbeats to people: in the log, at ./control start, in ./control status -v. Pure.

#include <cstdint>
#include <string>
#include <vector>

#include "common/protocol/heartbeat.h"
#include "updater/model/schedule.h"

namespace ops::updater {

/// "asks again in 173 s"
std::string next_text(const std::string& asks, Clock::duration left);

inline constexpr char kAskNow[] = "; ./control reload asks now";

/// kAskNow, for a wait that is worth cutting short: more than 10 s.
std::string hint(Clock::duration left);

/// "falcon-agent 3.1.3 start, naming 1.0.0 stop", cut at some 300 bytes; "it names no agent for this host".
std::string agents_text(const std::vector<DesiredAgent>& agents);

/// A heartbeat that failed at `now`, and when the last answer before it came: seconds since 1970, 0 for none.
std::string failure_text(const std::string& error, int64_t now, int64_t last_answer);

/// "2026-11-26 01:52:03", local time, of seconds since 1970.
std::string time_text(int64_t time);

}  // namespace ops::updater
