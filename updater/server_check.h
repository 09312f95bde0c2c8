#pragma once

// ops-updater -t --fetch: checks that this host can send heartbeats to each ops-meta in `server`.

#include "updater/config.h"

namespace ops::updater {

/// Checks each server and prints the results on stdout: whether it answers (over https:// with a trusted certificate), accepts
/// this host's token, and has the same time. Returns false when a server does not answer or refuses the token. The requests
/// change nothing in ops-meta, ours or the Go original: no host is recorded and no heartbeat is counted. So this check does not
/// find a client certificate for another hostname (http.tls.clientCa): only a heartbeat does.
bool check_servers(const Config& config);

}  // namespace ops::updater
