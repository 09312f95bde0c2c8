#pragma once

// Serves the files below tarballDir and no other files: it refuses ".." and links that lead out of tarballDir.

#include <string>

#include "common/http/server.h"

namespace ops::meta {

/// Answers a GET or HEAD for request.path below the folder `root`, as the original's file server does:
///   200, 206 or 416 for a range, 304 or 412 by a condition (conditions.h)
///   301 for a folder without a slash at the end, and for a path with doubled slashes
///   200 for a folder: its index.html, or else an HTML list of its files
///   404 for a file that does not exist or is outside of `root`, 403 for a file that ops-meta may not read
HttpResponse serve_tarball(const std::string& root, const HttpRequest& request);

}  // namespace ops::meta
