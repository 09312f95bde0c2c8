#pragma once

// Where a release is: an agent in a version, as ops-meta names it to a host. Nothing here touches the network.

#include <string>

#include "common/protocol/heartbeat.h"

namespace ops {

/// falcon-agent-3.1.3.tar.gz
std::string tarball_name(const DesiredAgent& agent);

/// {tarball}/{name}-{version}.tar.gz, with {os} and {arch} filled in. A base without a scheme is http:// (see url.h). It may
/// hold a password: without_password() is for printing.
std::string tarball_url(const DesiredAgent& agent);

/// {md5 or tarball}/{name}-{version}.tar.gz.md5; not to be asked for when `md5` is a digest.
std::string checksum_url(const DesiredAgent& agent);

/// {tarball url}.minisig
std::string signature_url(const DesiredAgent& agent);

/// `md5` itself when that is 32 hex digits, in lower case; "" otherwise.
std::string given_checksum(const DesiredAgent& agent);

/// The URL with {os} and {arch} filled in, for hosts of this architecture, "amd64" or "arm64".
std::string with_platform(std::string url, const std::string& arch);

/// "linux_amd64"
std::string platform();

}  // namespace ops
