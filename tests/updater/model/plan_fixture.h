#pragma once

// Agents as the updater observes them, for tests of decisions.

#include <string>

#include "updater/model/plan.h"

namespace ops::updater {

inline constexpr int64_t kNow = 1'700'000'000;
inline constexpr char kOld[] = "00000000000000000000000000000001";
inline constexpr char kNew[] = "00000000000000000000000000000002";

inline DesiredAgent desire(const std::string& version, const std::string& cmd = "start", const std::string& md5 = "") {
  return {"agent", version, "http://m/agent", md5, cmd};
}

/// An agent of version 1 that the updater installed.
inline Observed installed(Status status = Status::started) {
  Observed seen;
  seen.name = "agent";
  seen.version = "1";
  seen.checksum = kOld;
  seen.has_control = true;
  seen.status = status;
  seen.status_text = status == Status::started ? "started" : status == Status::stopped ? "stoped" : "what?";
  seen.releases = {{"1", kOld, false, 100}};
  return seen;
}

/// An agent that is not installed.
inline Observed absent() {
  Observed seen;
  seen.name = "agent";
  return seen;
}

inline Observed with_staged(Observed seen, const std::string& version, const std::string& checksum = kNew) {
  seen.releases.push_back({version, checksum, true, 200});
  seen.staging.push_back(".staged-" + version);
  return seen;
}

/// Version 2 is current and in probation; version 1 is its previous version.
inline Observed in_probation(Status status, int64_t until) {
  Observed seen = installed(status);
  seen.version = "2";
  seen.checksum = kNew;
  seen.releases.push_back({"2", kNew, false, 200});
  seen.state.probation = Probation{"2", "1", kNew, until};
  return seen;
}

inline Observed with_latch(Observed seen, const std::string& version, const std::string& checksum = kNew) {
  seen.state.latch = Latch{version, checksum, "it did not start", kNow - 10};
  return seen;
}

}  // namespace ops::updater
