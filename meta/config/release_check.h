#pragma once

// Whether the releases that a config names are where it says: `ops-meta -t --fetch`.

#include <string>
#include <vector>

#include "common/protocol/heartbeat.h"
#include "meta/config/config.h"

namespace ops::meta {

/// Every release that some host may be told to start, each once, in the order of the config. Of overrides that meet on a
/// host, a share is taken to be apart from others'.
std::vector<DesiredAgent> releases_of(const Config& config);

/// Asks for the tarball and the checksum of each, and for its signature, by the program curl, with its messages on stderr; a
/// token for a server stands in the operator's ~/.netrc. Prints a line for each; false when one is missing. That there is no
/// signature is said, and no fault: hosts may not want any.
bool check_releases(const Config& config);

}  // namespace ops::meta
