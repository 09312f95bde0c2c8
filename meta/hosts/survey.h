#pragma once

// A survey compares the hosts that took a release in a rollout with the hosts that did not: the numbers for the rule of
// meta/rollout/late_trouble.h. host_health.cc makes a survey in one pass over the table.
//
// The record of a host keeps for each agent:
//
//   since     when the host first reported that it runs this release past its probation; 0 if ops-meta did not see the change
//   stage     taken (not yet reported as running), soaking, settled (it soaked, or never changed), or a late trouble
//   down      heartbeats in a row in which the agent was not started, outside an update
//   restarts  rises by 4 when the updater started the agent again, and falls by 1 in each interval without a start
//
// A host is in trouble, by the first that applies:
//
//   silent      no heartbeat for three of its intervals (300 s each if it reports none)
//   died        the agent was not started at two heartbeats in a row
//   restarting  the updater started the agent again in the last four intervals, or the updater itself was restarted three times
//               in a row
//
// A trouble is late trouble of the release if it began within an hour after `since`, or within 12 intervals if that is longer.
// ops-meta may see the trouble up to three intervals later. The trouble lasts until the host recovers.

#include <array>
#include <chrono>
#include <cstdint>
#include <string>

namespace ops::meta {

enum class Trouble : uint8_t { died, restarting, silent };
inline constexpr std::array<Trouble, 3> kTroubles = {Trouble::died, Trouble::restarting, Trouble::silent};

/// "died", "restarting", "silent"
constexpr const char* to_word(Trouble trouble) {
  constexpr std::array<const char*, 3> kWords = {"died", "restarting", "silent"};
  return kWords[static_cast<size_t>(trouble)];
}

enum class Stage : uint8_t { settled, taken, soaking, died, restarting, silent };
inline constexpr size_t kStages = 6;
constexpr Stage to_stage(Trouble trouble) { return static_cast<Stage>(static_cast<uint8_t>(trouble) + 3); }
constexpr bool is_late_trouble(Stage stage) { return stage >= Stage::died; }
/// For a stage that is a late trouble.
constexpr Trouble to_trouble(Stage stage) { return static_cast<Trouble>(static_cast<uint8_t>(stage) - 3); }

/// What the table keeps of an agent's health, for host_snapshot.h.
struct AgentHealth {
  uint32_t since = 0;  // seconds since 1970
  Stage stage = Stage::settled;
  uint8_t down = 0;
  uint8_t restarts = 0;  // rises and falls
  uint8_t counted = 0;   // the number of restarts that the host last reported, modulo 256

  bool operator==(const AgentHealth&) const = default;
};

/// Hosts, and how many of them are in each trouble, by Trouble. A host that cannot show a trouble is not counted for it: only
/// an updater that reports its interval reports restarts.
struct Cohort {
  std::array<uint32_t, kTroubles.size()> hosts{};
  std::array<uint32_t, kTroubles.size()> troubled{};

  uint32_t of(Trouble trouble) const { return hosts[static_cast<size_t>(trouble)]; }
  uint32_t in(Trouble trouble) const { return troubled[static_cast<size_t>(trouble)]; }
  bool operator==(const Cohort&) const = default;
};

/// A release in a rollout.
struct SurveyedRelease {
  std::string agent;
  std::string version;
  std::chrono::system_clock::time_point began;  // a host that took the release later belongs to the rollout
  std::chrono::seconds soak{-1};                // -1: two intervals of each host
};

struct Survey {
  Cohort changed;  // hosts that took the release in this rollout and were well before
  std::array<uint32_t, 3>
      exposed{};  // of these, by Trouble: those that have run it at least as long as the youngest troubled one
  Cohort others;  // all other hosts that have the agent, except those that changed within the last hour
  uint32_t soaking = 0;
  uint32_t soaked = 0;  // of the hosts that changed

  bool operator==(const Survey&) const = default;
};

/// How long a host proves a release; 0 if one heartbeat is enough: the host reports no interval (0), or `soak` is 0.
constexpr std::chrono::seconds soak_of(std::chrono::seconds soak, std::chrono::seconds interval) {
  if (interval.count() == 0) return std::chrono::seconds(0);
  return soak.count() < 0 ? 2 * interval : soak;
}

}  // namespace ops::meta
