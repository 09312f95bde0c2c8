#pragma once

// File names and URLs of a release, from the fields of a DesiredAgent. No function accesses the network.

#include <string>
#include <vector>

#include "common/protocol/heartbeat.h"

namespace ops {

/// falcon-agent-3.1.3.tar.gz
std::string tarball_name(const DesiredAgent& agent);

/// {tarball}/{name}-{version}.tar.gz, with {os} and {arch} replaced. When `tarball` contains {file}, the name of the file
/// replaces it and is not appended: https://bucket/get?name={file}&sig=… A base without a scheme is http:// (see url.h). The
/// URL may contain a password or a signature: use without_secrets() to print it.
std::string tarball_url(const DesiredAgent& agent);

/// {md5 or tarball}/{name}-{version}.tar.gz.md5. Only when `md5` is not itself a digest (see given_checksum).
std::string checksum_url(const DesiredAgent& agent);

/// The URL of {name}-{version}.tar.gz.minisig, from `tarball` as well.
std::string signature_url(const DesiredAgent& agent);

/// The agent once for each of its base URLs, in the order in which an updater tries them: each has the URL in `tarball`, and no
/// `mirrors`.
std::vector<DesiredAgent> sources_of(const DesiredAgent& agent);

/// `md5` in lower case when it is 32 hex digits; "" otherwise.
std::string given_checksum(const DesiredAgent& agent);

/// The URL with {os} and {arch} replaced. `arch` is "amd64" or "arm64".
std::string with_platform(std::string url, const std::string& arch);

/// The platform of this build, like "linux_amd64".
std::string platform();

}  // namespace ops
