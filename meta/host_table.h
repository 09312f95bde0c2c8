#pragma once

// What every host last said of itself, in memory.

#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <shared_mutex>
#include <string>
#include <vector>

#include "common/heartbeat.h"

namespace ops::meta {

/// An entry unheard of for so long goes.
inline constexpr std::chrono::hours kForgetAfter{72};

struct Host {
  std::vector<RealAgent> agents;     // may be empty: a host without agents is an entry too
  std::vector<AgentUpdate> updates;  // what happens to them beside running
  std::string updater_version;       // "" of the Go updater
  std::string platform;
  std::chrono::system_clock::time_point heard_at;  // our clock, never the host's

  /// nullptr when the host has no such agent, or nothing happens to it.
  const RealAgent* agent(const std::string& name) const;
  const AgentUpdate* update(const std::string& name) const;
};

/// Synchronises itself. Time is an argument, so that three days pass in a test.
class HostTable {
 public:
  using TimePoint = std::chrono::system_clock::time_point;

  /// Replaces what the host said before.
  void record(const HeartbeatRequest& heartbeat, TimePoint now);

  /// Drops what was unheard of for kForgetAfter, and returns how many that were.
  size_t forget_silent(TimePoint now);

  size_t size() const;

  std::optional<Host> find(const std::string& hostname) const;

  /// Calls `visit` for each host, sorted by name. Heartbeats wait meanwhile.
  void for_each(const std::function<void(const std::string& hostname, const Host& host)>& visit) const;

 private:
  mutable std::shared_mutex mutex_;
  std::map<std::string, Host> hosts_;  // guarded by mutex_
};

}  // namespace ops::meta
