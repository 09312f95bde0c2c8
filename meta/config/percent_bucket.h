#pragma once

// The hosts that the `percent` of an override selects. The selection is stable: it depends only on the names of agent and host.

#include <cstdint>
#include <string_view>

namespace ops::meta {

/// The bucket of a host for an agent, 0 to 9999: the 64-bit FNV-1a hash of the agent's name, a NUL byte and the hostname, mixed
/// by the last step of splitmix64, modulo 10,000. Each agent selects different hosts. The function must never change: after an
/// upgrade of ops-meta it would select other hosts. Test vectors check this.
uint32_t bucket_of(std::string_view agent, std::string_view hostname);

/// Whether the share of `percent` (0 to 100, with two decimals) contains the host. A larger share contains all hosts of a
/// smaller one.
bool is_in_share(std::string_view agent, std::string_view hostname, double percent);

}  // namespace ops::meta
