#pragma once

// The version of this build. cmake/version.cmake generates the source.

#include <string>

namespace ops {

/// Like "1.0.0".
std::string version();

/// The output of -v, one fact a line: the version, "commit 15b389c0aa11", "date 2026-11-08" (of SOURCE_DATE_EPOCH at the build,
/// or of the commit), and the libraries that are linked into `daemon`
/// ("ops-meta" or "ops-updater"), like "OpenSSL 3.5.1-1 (Debian)". An operator can tell from it whether a security advisory
/// applies to a static binary. The commit is "unknown" when the source folder has no git data.
std::string build_details(const std::string& daemon);

}  // namespace ops
