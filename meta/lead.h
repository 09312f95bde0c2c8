#pragma once

// Runs ops-meta in one of its two roles (meta/standby/leadership.h): serves until SIGTERM, or until the role changes. Each role
// begins with the files in var/ and ends with them, so a change of role is a stop and a start without the end of the process.

#include <string>

#include "common/daemon/daemon.h"
#include "meta/config/config.h"
#include "meta/standby/leadership.h"

namespace ops::meta {

enum class RunEnd { stopped, changes_role, failed };

/// What both roles need.
struct Run {
  const std::string& config_path;
  const Signals& signals;
  const PidFile& pid_file;
  bool is_announced = false;  // the pid file has the pid
  int exit_code = 0;          // after RunEnd::failed
};

/// Leads. `leadership` is {true, 0} without a second ops-meta.
RunEnd lead(Run& run, const Config& config, Leadership& leadership);

/// Stands by. Returns changes_role after a promotion.
RunEnd stand_by(Run& run, const Config& config, Leadership& leadership);

}  // namespace ops::meta
