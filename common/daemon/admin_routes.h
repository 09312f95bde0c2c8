#pragma once

// The paths that both daemons answer alike, as the original's did.

#include <functional>
#include <optional>
#include <string>

#include "common/base/result.h"
#include "common/http/server.h"

namespace ops {

/// Answers /health, /version, /workdir and /config/reload; nullopt for any other path. `reload` takes up the config file and
/// returns it as JSON; only loopback peers and the daemon's owner make it run, everybody else is told "no privilege".
std::optional<HttpResponse> answer_admin_request(const HttpRequest& request,
                                                 const std::function<Result<std::string>()>& reload);

/// A line of JSON as the original wraps it: {"msg":"success","data":…}. `data` is JSON itself.
std::string success_json(const std::string& data);

}  // namespace ops
