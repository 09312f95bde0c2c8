#pragma once

// Checks that the releases of a config can be downloaded: `ops-meta -t --fetch`.

#include <string>
#include <vector>

#include "common/protocol/heartbeat.h"
#include "meta/config/config.h"

namespace ops::meta {

/// Every release that the config may assign to some host with `cmd` "start", each once, in the order of the config. When
/// several overrides match a host, those with a `percent` below 100 are not combined with each other.
std::vector<DesiredAgent> releases_of(const Config& config);

/// Sends requests for the tarball, the checksum file and the signature of each release, with the program curl. Prints a line
/// for each file; curl prints its errors on stderr. False when a tarball or a checksum file is missing; a signature may be
/// missing, because hosts may not require one. curl finds a token for a server in the operator's ~/.netrc.
bool check_releases(const Config& config);

}  // namespace ops::meta
