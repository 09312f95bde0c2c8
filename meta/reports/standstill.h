#pragma once

// Why a rollout does not move, or not faster: one line for /status/summary, the page, `./control watch` and the log, and one
// state for /metrics.
//
//   state           line
//   warming-up      warming up for another 346 s
//   halted-by-hand  halted by hand since 14:05
//   halted          halted since 14:05: 3 of 3 hosts failed; …
//   slots           slots held by lg-db031 (229 s, downloading)
//   cautious        4 at a time because 2 hosts failed; slots held by lg-db031 (229 s), lg-db032 (12 s)
//   soaking         soaking: 12 hosts have run it for less than 10 min
//   no-host         no host left to ask: 2 cannot take it, 1 held, 3 silent
//   moving          "": hosts change, or all hosts have it
//
// The first state that applies counts.

#include <array>
#include <chrono>
#include <string>
#include <string_view>

#include "meta/hosts/host_table.h"
#include "meta/reports/fleet_scan.h"
#include "meta/rollout/controller.h"

namespace ops::meta {

/// Seconds since 1970 as "14:05", or "2026-11-22 14:05" for another day than today; "" for 0. Local time.
std::string time_text(int64_t seconds);

enum class Standstill { moving, warming_up, halted_by_hand, halted, slots, cautious, soaking, no_host };
inline constexpr std::array<Standstill, 8> kStandstills = {
    Standstill::moving, Standstill::warming_up, Standstill::halted_by_hand, Standstill::halted,
    Standstill::slots,  Standstill::cautious,   Standstill::soaking,        Standstill::no_host};

/// "moving", "warming-up", …
std::string_view to_word(Standstill standstill);

/// A release of the config. Without a scan (a null pointer) it does not know no_host: that is `moving` then.
struct RolloutSituation {
  const AgentConfig& agent;
  const std::string& version;
  const RolloutState& state;
  const ReleaseScan* scan;
};

Standstill standstill_of(const RolloutSituation& rollout, const RolloutController& controller);

/// The line of the table; "" for `moving`.
std::string why_it_waits(const RolloutSituation& rollout, const RolloutController& controller, const HostTable& hosts,
                         RolloutController::TimePoint now);

}  // namespace ops::meta
