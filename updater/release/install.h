#pragma once

// Fetches a release: downloads the tarball, verifies its checksum and signature, and unpacks it into .staged-VERSION. The
// installed release and its processes are not touched. This is the slow part of an update and runs in the FetchWorker's thread.

#include <functional>
#include <stop_token>
#include <string>

#include "common/base/result.h"
#include "common/protocol/heartbeat.h"
#include "updater/model/layout.h"
#include "updater/model/plan.h"
#include "updater/release/download.h"
#include "updater/release/signature.h"
#include "updater/release/unpack.h"

namespace ops::updater {

struct InstallLimits {
  DownloadLimits download;
  UnpackOptions unpack;
};

/// Which releases the host takes, and how it authenticates to their servers.
struct Trust {
  std::vector<PublicKey> keys;  // one of them must have signed the tarball; empty: signatures are not checked
  ClientCredentials access;
};

struct FetchError {
  Error error;
  bool lasting = false;                                            // the release itself is bad: no retry before it changes
  std::string checksum;                                            // of the tarball; "" when it is unknown
  std::optional<std::chrono::seconds> retry_after = std::nullopt;  // from the failed server's reply
  bool is_mismatch = false;  // the tarball has another checksum or signature: a cache on the way may hold an old file
};

/// Called from the fetching thread. `done` and `total` are bytes of a download, and 0 in other phases.
using FetchProgress = std::function<void(Phase phase, uint64_t done, uint64_t total)>;

/// Tries the agent's base URLs in turn; the error names each that failed. nullopt is success: the release is complete in
/// .staged-VERSION. Its .installed is written last and marks it as complete.
std::optional<FetchError> fetch_release(const Layout& layout, const DesiredAgent& agent, const InstallLimits& limits,
                                        const Trust& trust, const FetchProgress& progress, const std::stop_token& cancel);

/// Removes a release's folder. Its .installed is removed first: a half removed release never looks complete.
Result<void> remove_release(const std::string& folder);

}  // namespace ops::updater
