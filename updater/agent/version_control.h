#pragma once

// Starts and stops versions of an agent through their ./control, and waits until the status shows it. The caller sees to it
// that two versions never run at once.

#include <chrono>
#include <stop_token>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/protocol/status.h"
#include "updater/model/layout.h"

namespace ops::updater {

struct SwitchSettings {
  std::chrono::seconds control_timeout{60};  // for the scripts start and stop themselves
  std::chrono::seconds probation{30};
  int keep_versions = 2;
  std::chrono::seconds unclear_patience{30};  // see unclear_status.h
  std::chrono::seconds start_timeout{30};     // after start ended, until the status is started
  std::chrono::seconds stop_timeout{30};      // after stop ended, until the status is stopped
  std::chrono::seconds soak{600};             // after the probation (model/soak.h); 0 for none

  /// The longest action is a switch that is rolled back: it stops two versions and starts two.
  std::chrono::seconds longest_action() const { return 2 * (2 * control_timeout + start_timeout + stop_timeout); }
};

/// Borrows all arguments.
class VersionControl {
 public:
  VersionControl(const Layout& layout, const std::string& agent, const SwitchSettings& settings, const std::stop_token& cancel)
      : layout_(layout), agent_(agent), settings_(settings), cancel_(cancel) {}

  /// Starts a version and waits until its status is started. If the script failed and the status means stopped, does not wait.
  /// Call it while no other version runs.
  Result<void> start(const std::string& version) const;

  /// Stops a version and waits until its status is stopped.
  Result<void> stop(const std::string& version) const;

  /// Stops a version that failed. If its ./control cannot stop it, ends its processes: a broken release must not block the
  /// rollback.
  Result<void> stop_failed(const std::string& version) const;

  /// Does nothing if the version has no ./control.
  Result<void> stop_if_started(const std::string& version) const;

  /// Stops all versions but `version`. Skips `ended`, whose processes have ended, although its ./control may still print
  /// started.
  Result<void> stop_others(const std::string& version, const std::string& ended = "") const;

  /// Ends the processes of a current version that has no ./control to stop it. If `version` is "", as after `rm -rf` of the
  /// agent's folder, ends the processes whose folder below it was removed. The next version would run beside them.
  Result<void> end_orphans(const std::string& version) const;

 private:
  Result<std::vector<std::string>> others(const std::string& version) const;
  Result<std::string> run(const std::string& version, const std::string& verb) const;
  std::string status(const std::string& version) const;
  std::string wait_for(const std::string& version, Status wanted, std::chrono::seconds patience) const;

  const Layout& layout_;
  const std::string& agent_;
  const SwitchSettings& settings_;
  const std::stop_token& cancel_;
};

}  // namespace ops::updater
