#pragma once

// HTTP paths of the Go original that both daemons serve.

#include <functional>
#include <optional>
#include <string>

#include "common/base/result.h"
#include "common/http/server.h"

namespace ops {

/// Answers /health, /version, /workdir and /config/reload; nullopt for any other path. `reload` loads the config file and
/// returns it as JSON. /config/reload calls it for the daemon's owner and for loopback peers whose request comes through
/// no proxy; other clients get "no privilege". A proxy on this machine that adds no header field cannot be told from a local
/// client.
std::optional<HttpResponse> answer_admin_request(const HttpRequest& request,
                                                 const std::function<Result<std::string>()>& reload);

/// The JSON reply of the Go original: {"msg":"success","data":…}. `data` is JSON.
std::string success_json(const std::string& data);

}  // namespace ops
