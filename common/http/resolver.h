#pragma once

// Names of hosts to addresses, by c-ares, which is linked in.
//
// glibc's getaddrinfo is never called: even in a static binary it loads the NSS modules that /etc/nsswitch.conf names
// (myhostname, resolve, sss, ...). They belong to the host's glibc. With another glibc than ours the process dies of SIGFPE.
// libcurl is built with c-ares for the same reason.

#include <chrono>
#include <string>
#include <vector>

#include "common/base/result.h"

namespace ops {

/// The IPv4 and IPv6 addresses of `host` as text, in the order in which they should be tried; never empty. `host` may be an
/// address: then it is the result. Else the addresses come from /etc/hosts and from the name servers of /etc/resolv.conf, as
/// the line "hosts:" in /etc/nsswitch.conf says. Errors: the host has no address; no name server answers within `timeout`.
Result<std::vector<std::string>> resolve_host(const std::string& host, std::chrono::milliseconds timeout);

}  // namespace ops
