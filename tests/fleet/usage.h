#pragma once

// The CPU and memory that a process has used, from /proc.

#include <sys/types.h>

#include <string>

namespace ops::fleet {

struct Usage {
  double cpu = 0;    // seconds of all threads
  long rss_kb = 0;   // current
  long peak_kb = 0;  // since the start of the process or reset_peak_rss()

  bool operator==(const Usage&) const = default;
};

/// The sum of the process and its children, like nginx's workers. Zeros when the process does not exist.
Usage usage_of(pid_t pid);

/// The process without its children.
Usage own_usage_of(pid_t pid);

/// Seconds of CPU of the children that the process has waited for.
double reaped_children_cpu(pid_t pid);

/// Resets peak_kb to the current size. Without the permission for it, does nothing.
void reset_peak_rss(pid_t pid);

/// The pid in FOLDER/var/app.pid; 0 when there is none.
pid_t pid_in(const std::string& folder);

}  // namespace ops::fleet
