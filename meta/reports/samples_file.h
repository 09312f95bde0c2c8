#pragma once

// The samples (samples.h) on disk, in var/samples. ops-meta writes the file when it stops and every 10 minutes, and reads it
// when it starts. A crash loses at most the last 10 minutes of the pictures.
//
//   "OPSSAMPLES"
//   number format: kFormat
//   signed time of the save, seconds since 1970; the times in the file are of the wall clock at the save
//   for each level: number of points, then the times, hosts, silent, heartbeats of all points
//   number of agents, and for each:   text name, signed time at which a rollout was last under way, number of versions,
//                                     and for each: text version, and for each level the hosts and failed of all points,
//                                     each plus 1; 0 for an unknown one
//   checksum of all bytes above             8 bytes, little-endian, 64-bit FNV-1a
//
// A number is LEB128, a signed number is zigzag in LEB128 (common/base/binary_format.h). The times and figures of points are
// signed differences to the point before, so that a quiet week takes a byte per figure. A text is its size (a number) and its
// bytes.

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/result.h"
#include "meta/reports/samples.h"

namespace ops::meta {

inline constexpr char kSavedSamplesFile[] = "var/samples";

struct SavedSamples {
  Samples::State state;
  int64_t saved_at = 0;  // by the clock of the times in `state`

  bool operator==(const SavedSamples&) const = default;
};

std::string to_bytes(const SavedSamples& samples);

/// An error for damaged bytes, for another format and for more points or versions than Samples has.
Result<SavedSamples> samples_in(std::string_view bytes);

/// Replaces the file atomically, with mode 0600. `wall`: what the wall clock shows at `now`.
Result<void> save_samples(Samples::State samples, const std::string& path, int64_t now, int64_t wall);

/// Reads the file into `samples`. A missing file has no samples. `since_save`: as in load_hosts(). An error says that the file
/// is ignored, and why.
Result<void> load_samples(Samples& samples, const std::string& path, int64_t now,
                          std::optional<std::chrono::seconds> since_save);

}  // namespace ops::meta
