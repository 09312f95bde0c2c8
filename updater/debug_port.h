#pragma once

// The updater's debug port: /health, /version, /workdir and /config/reload as in the Go original, and /agents and /metrics.

#include "common/http/server.h"
#include "updater/main_loop.h"

namespace ops::updater {

/// Answers one request. Any thread may call it.
HttpResponse answer(const HttpRequest& request, MainLoop& loop);

}  // namespace ops::updater
