#pragma once

// The debug port: /health, /version, /workdir, /config/reload as in the original, /agents and /metrics.

#include "common/http/server.h"
#include "updater/cycle.h"

namespace ops::updater {

/// Called from several threads at once.
HttpResponse answer(const HttpRequest& request, Cycle& cycle);

}  // namespace ops::updater
