#pragma once

// A stable share of hosts: the `percent` of an override.

#include <cstdint>
#include <string_view>

namespace ops::meta {

/// Where a host stands for an agent, 0 … 9999: the 64-bit FNV-1a hash of the agent's name, a NUL byte and the hostname, mixed
/// by splitmix64's last step, modulo 10,000. It never changes, or canaries would move from host to host with an upgrade of
/// ops-meta: test vectors hold it. Each agent draws its hosts anew.
uint32_t place_of(std::string_view agent, std::string_view hostname);

/// Whether the host is among `percent` (0 … 100, in hundredths) of them. A host that is stays so when the share grows.
bool is_in_share(std::string_view agent, std::string_view hostname, double percent);

}  // namespace ops::meta
