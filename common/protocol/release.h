#pragma once

// File names and URLs of a release, from the fields of a DesiredAgent. No function accesses the network.

#include <string>

#include "common/protocol/heartbeat.h"

namespace ops {

/// falcon-agent-3.1.3.tar.gz
std::string tarball_name(const DesiredAgent& agent);

/// {tarball}/{name}-{version}.tar.gz, with {os} and {arch} replaced. A base without a scheme is http:// (see url.h). The URL
/// may contain a password: use without_password() to print it.
std::string tarball_url(const DesiredAgent& agent);

/// {md5 or tarball}/{name}-{version}.tar.gz.md5. Only when `md5` is not itself a digest (see given_checksum).
std::string checksum_url(const DesiredAgent& agent);

/// {tarball url}.minisig
std::string signature_url(const DesiredAgent& agent);

/// `md5` in lower case when it is 32 hex digits; "" otherwise.
std::string given_checksum(const DesiredAgent& agent);

/// The URL with {os} and {arch} replaced. `arch` is "amd64" or "arm64".
std::string with_platform(std::string url, const std::string& arch);

/// The platform of this build, like "linux_amd64".
std::string platform();

}  // namespace ops
