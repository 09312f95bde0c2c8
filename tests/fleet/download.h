#pragma once

// Clients that download the same path again and again. They discard the bodies in the kernel where possible.

#include <atomic>
#include <cstdint>
#include <map>
#include <string>

#include "tests/fleet/client_sockets.h"
#include "tests/fleet/histogram.h"
#include "tests/fleet/usage.h"

namespace ops::fleet {

struct DownloadOptions {
  Target target;
  std::string path = "/";
  size_t clients = 1;
  double duration = 10;  // seconds; the run then aborts downloads under way
  uint64_t count = 0;    // the run ends after so many downloads; 0 for no limit
  bool count_lines = false;
  pid_t server_pid = 0;                     // the report has the CPU and memory of this process; 0 for none
  const std::atomic<bool>* stop = nullptr;  // ends the run early
};

struct DownloadReport {
  uint64_t downloads = 0;                  // complete ones
  uint64_t bytes = 0;                      // of all bodies, incomplete ones included
  uint64_t lines = 0;                      // of complete downloads
  uint64_t busy = 0;                       // replies 503 with a Retry-After; the client tries again after 0.1 s
  std::map<std::string, uint64_t> errors;  // by kind
  Histogram first_byte;                    // microseconds from connect() to the first byte of the reply
  Histogram whole;                         // microseconds from connect() to the end of the body
  double seconds = 0;
  Usage before;
  Usage after;

  double bytes_per_second() const;
  double cpu_per_gb() const;  // seconds of the server's CPU
};

DownloadReport run_downloads(const DownloadOptions& options);

std::string to_text(const DownloadReport& report);

}  // namespace ops::fleet
