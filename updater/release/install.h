#pragma once

// Brings a release onto the disk, whole, without touching what runs: fetch, verify, unpack into .staged-VERSION. Nothing is
// unpacked whose checksum and, with keys, whose signature is not good. This is the
// slow part of an update, and runs beside the loop.

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
  UnpackLimits unpack;
};

/// Whose releases are taken, and who we are to servers.
struct Trust {
  std::vector<PublicKey> keys;  // with any, one of them must have signed the tarball
  ClientCredentials access;
};

struct PrepareError {
  Error error;
  bool lasting = false;  // the release itself is bad: trying again is of no use before it changes
  std::string checksum;  // of the tarball, as far as it was known
  std::optional<std::chrono::seconds> retry_after = std::nullopt;  // what the server that failed asked for
};

/// Called from the preparing thread: the phase, and of a download the bytes done and in total.
using PrepareProgress = std::function<void(Phase phase, uint64_t done, uint64_t total)>;

/// When this returns nullopt, the release is in .staged-VERSION, with its .installed written last.
std::optional<PrepareError> prepare(const Layout& layout, const DesiredAgent& agent, const InstallLimits& limits,
                                    const Trust& trust, const PrepareProgress& progress, const std::stop_token& cancel);

/// Removes a release's folder so that no half of it is ever taken for a whole one: its .installed goes first.
Result<void> remove_release(const std::string& folder);

}  // namespace ops::updater
