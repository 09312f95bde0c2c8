#pragma once

// Clients that download the same thing again and again, and throw it away as cheaply as the kernel allows.

#include <atomic>
#include <cstdint>
#include <map>
#include <string>

#include "tests/fleet/histogram.h"
#include "tests/fleet/sockets.h"
#include "tests/fleet/usage.h"

namespace ops::fleet {

struct DownloadOptions {
  Target target;
  std::string path = "/";
  size_t clients = 1;
  double duration = 10;  // seconds; downloads under way then are cut off
  uint64_t count = 0;    // end after so many; 0: no such end
  bool count_lines = false;
  pid_t server_pid = 0;                     // whose CPU and memory are reported; 0: nobody's
  const std::atomic<bool>* stop = nullptr;  // ends the run early
};

struct DownloadReport {
  uint64_t downloads = 0;                  // whole ones
  uint64_t bytes = 0;                      // of bodies, also of those that were cut off at the end
  uint64_t lines = 0;                      // in whole ones
  uint64_t busy = 0;                       // 503 with a Retry-After; the client comes back after a tenth of a second
  std::map<std::string, uint64_t> errors;  // by kind
  Histogram first_byte;                    // from connecting to the first byte of the reply
  Histogram whole;                         // from connecting to the end of the body
  double seconds = 0;
  Usage before;
  Usage after;

  double bytes_per_second() const;
  double cpu_per_gb() const;  // seconds of the server's
};

DownloadReport run_downloads(const DownloadOptions& options);

std::string to_text(const DownloadReport& report);

}  // namespace ops::fleet
