#pragma once

// The phase of an agent's update: the word that an updater sends in its heartbeat (`updates[].phase`, see heartbeat.h) and that
// ops-meta counts, lists and decides by.
//
//   word         meaning
//   ---------------------------------------------------------------------------------------------------------------
//   (not sent)   idle: no update is to be reported
//   waiting      the update, or the next attempt to update, start or stop the agent, has not begun yet
//   downloading  the tarball is being downloaded
//   verifying    the checksum and the signature are being checked
//   unpacking    the tarball is being unpacked beside the installed release
//   switching    the updater stops the old version and starts the new one
//   probation    the new version is started and watched
//   failed       the assigned release failed; the host has no earlier version to run
//   rolled-back  the assigned release failed; the host runs the earlier version
//   held         an operator holds the agent; the updater changes nothing
//   other        any other word, from a later updater
//
// AgentUpdate::phase is text: ops-meta stores and shows the word of a later updater unchanged, and counts it as other.

#include <array>
#include <cstdint>
#include <string_view>

namespace ops {

enum class Phase : uint8_t {
  idle,
  waiting,
  downloading,
  verifying,
  unpacking,
  switching,
  probation,
  failed,
  rolled_back,
  held,
  other
};

/// Every phase but idle, in the order in which reports list them.
inline constexpr std::array<Phase, 10> kPhases = {Phase::waiting,   Phase::downloading, Phase::verifying, Phase::unpacking,
                                                  Phase::switching, Phase::probation,   Phase::failed,    Phase::rolled_back,
                                                  Phase::held,      Phase::other};

/// The word on the wire; "" for idle.
constexpr std::string_view to_word(Phase phase) {
  constexpr std::array<std::string_view, 11> kWords = {"",          "waiting",   "downloading", "verifying",   "unpacking",
                                                       "switching", "probation", "failed",      "rolled-back", "held",
                                                       "other"};
  return kWords[static_cast<size_t>(phase)];
}

/// The phase of a word that a host sent; `other` for an unknown one and for "".
constexpr Phase to_phase(std::string_view word) {
  for (const Phase phase : kPhases) {
    if (word == to_word(phase)) return phase;
  }
  return Phase::other;
}

/// Whether the update ended without success.
constexpr bool has_failed(Phase phase) { return phase == Phase::failed || phase == Phase::rolled_back; }

}  // namespace ops
