#pragma once

// Which build this is. cmake/version.cmake makes the source.

#include <string>

namespace ops {

/// This build's version, like "1.0.0".
std::string version();

/// The answer of -v, each part on a line of its own: the version, "commit 15b389c0aa11", then the libraries that are linked
/// into `daemon` ("ops-meta" or "ops-updater"), like "OpenSSL 3.5.1-1 (Debian)". With it an operator can tell whether a
/// security advisory applies to a static binary. The commit is "unknown" for a source folder that has no git data.
std::string build_details(const std::string& daemon);

}  // namespace ops
