#pragma once

// The names and addresses of this machine.

#include <string>

namespace ops::meta {

/// "localhost", or a loopback address as text.
bool is_loopback(const std::string& host);

/// Whether this machine is meant: by a loopback address, an address of its network interfaces, its name, or a name that
/// resolves to such an address. It may ask a DNS server.
bool is_this_machine(const std::string& host);

std::string machine_name();

/// The IPv4 address from which this machine reaches others; its name when it has no route.
std::string machine_address();

}  // namespace ops::meta
