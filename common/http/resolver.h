#pragma once

// Finds the addresses of a host name with c-ares, which is linked in.
//
// glibc's getaddrinfo is never called: even in a static binary it loads the NSS modules that /etc/nsswitch.conf names
// (myhostname, resolve, sss, ...). These modules are built for the host's glibc. If it differs from ours, SIGFPE ends the
// process. libcurl is built with c-ares for the same reason.

#include <string>
#include <vector>

#include "common/base/result.h"

namespace ops {

/// The IPv4 and IPv6 addresses of `host` as text, in the order in which they should be tried; never empty. `host` may be an
/// address: then it is the result. Else the addresses come from /etc/hosts or, if the name is not there, from the name servers
/// of /etc/resolv.conf. Errors: the host has no address; no name server answers within 10 s.
Result<std::vector<std::string>> resolve_host(const std::string& host);

}  // namespace ops
