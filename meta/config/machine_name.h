#pragma once

// The names and addresses of this machine.

#include <string>

namespace ops::meta {

/// For "localhost" and for the text of a loopback address.
bool is_loopback(const std::string& host);

/// Whether `host` is a loopback address, an address of this machine's network interfaces, this machine's name, or a name that
/// resolves to such an address. May send a DNS query.
bool is_this_machine(const std::string& host);

/// The hostname.
std::string machine_name();

/// The IPv4 address from which this machine sends to other networks; the hostname when it has no route.
std::string machine_address();

}  // namespace ops::meta
