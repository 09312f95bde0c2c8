#pragma once

// Listens as cfg.json says, for both roles of lead.h.

#include <memory>
#include <optional>

#include "common/http/server.h"
#include "common/tls/tls.h"
#include "meta/lead.h"

namespace ops::meta {

/// The server, a nullptr if cfg.json switches it off, or nullopt after an error, which is reported. Announces that the daemon
/// is ready.
std::optional<std::unique_ptr<HttpServer>> serve(Run& run, const Config& config, const TlsServer& tls, HttpCounters* counters,
                                                 HttpHandler handler);

/// Reports a fault of cfg.json that shows only at the start.
RunEnd cannot_serve(Run& run, const std::string& why);

void announce_stop();

}  // namespace ops::meta
