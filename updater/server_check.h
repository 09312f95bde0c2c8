#pragma once

// ops-updater -t --fetch: whether each ops-meta in `server` can be asked from here.

#include "updater/config.h"

namespace ops::updater {

/// Asks each server, and prints on stdout what it finds: whether it answers (over https://, with a certificate that is
/// trusted), takes this host's token, and has the same time. False when one of them does not answer, or refuses. The requests
/// change nothing in an ops-meta, ours or the original: no host is recorded, and no heartbeat is counted. So a certificate that
/// is not this host's (http.tls.clientCa) is only found by a heartbeat.
bool check_servers(const Config& config);

}  // namespace ops::updater
