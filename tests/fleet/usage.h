#pragma once

// What a server costs, read from /proc.

#include <sys/types.h>

#include <string>

namespace ops::fleet {

struct Usage {
  double cpu = 0;    // seconds, of all threads
  long rss_kb = 0;   // now
  long peak_kb = 0;  // since the process began, or forget_peak

  bool operator==(const Usage&) const = default;
};

/// Of the process and its children (nginx's workers are), added up. Zeros when it is gone.
Usage usage_of(pid_t pid);

/// Of the process alone.
Usage own_usage_of(pid_t pid);

/// Seconds of CPU that the children had which the process has waited for.
double past_children_cpu(pid_t pid);

/// peak_kb counts from now on; without the right to do that, it doesn't.
void forget_peak(pid_t pid);

/// The pid in FOLDER/var/app.pid; 0 when there is none.
pid_t pid_of_box(const std::string& folder);

}  // namespace ops::fleet
