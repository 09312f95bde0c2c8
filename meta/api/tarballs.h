#pragma once

// Serves the files below tarballDir, and nothing else: no "..", and no link that leads out of it.

#include <string>

#include "common/http/server.h"

namespace ops::meta {

/// Answers a GET or HEAD for request.path below the folder `root`, as the original's file server does:
///   200, or 206 and 416 for a Range, and 304 and 412 by conditions, see conditions.h
///   301 for a folder without its slash and for doubled slashes; with the slash, its index.html, or else a listing of links
///   404 for what isn't there or leads out, 403 for what can't be read
HttpResponse serve_tarball(const std::string& root, const HttpRequest& request);

}  // namespace ops::meta
