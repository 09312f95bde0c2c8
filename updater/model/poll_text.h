#pragma once

// The texts about heartbeats for operators: in the log, at ./control start, in ./control status -v. Pure.

#include <cstdint>
#include <string>
#include <vector>

#include "common/protocol/heartbeat.h"
#include "updater/model/schedule.h"

namespace ops::updater {

/// "asks again in 173 s" for `asks` = "asks again".
std::string next_text(const std::string& asks, Clock::duration left);

inline constexpr char kAskNow[] = "; ./control reload asks now";

/// kAskNow if the wait is longer than 10 s, else "".
std::string hint(Clock::duration left);

/// "falcon-agent 3.1.3 start, naming 1.0.0 stop", cut to about 300 bytes; "it names no agent for this host" for an empty list.
std::string agents_text(const std::vector<DesiredAgent>& agents);

/// The error of a heartbeat that failed at `now`, with the time of the last answer (0: no answer yet); seconds since 1970.
std::string failure_text(const std::string& error, int64_t now, int64_t last_answer);

/// "2026-11-26 01:52:03", local time, of seconds since 1970.
std::string time_text(int64_t time);

}  // namespace ops::updater
