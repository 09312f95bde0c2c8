#pragma once

// The host table on the disk: written when ops-meta stops, read when it starts, so that a restart forgets nobody. Only then:
// written every few minutes it would cost a write of 50 MB each time, and a crash without it costs one interval of knowledge.
// What is damaged, cut off, of another format or old is ignored: hosts will tell again.
//
//   "OPSHOSTS"                                   8 bytes
//   format                                       4 bytes, kFormat; the next three are little-endian too
//   saved at, seconds since 1970                 8 bytes
//   block ...                                    size (4 bytes), checksum (8 bytes), and so many bytes of hosts
//   block of size 0                              marks the end; a checksum of the number of hosts
//
// A checksum is of the block's bytes, and of all blocks before it: none can be missing. A block has whole hosts, in order:
//
//   text hostname
//   number heard at, seconds since 1970
//   name updaterVersion, name platform
//   number of agents, and for each   name agent, name version, name status, signed (timestamp - heard at)
//   number of updates, and for each  name agent, name version, name phase, signed done, total, attempts, since, text error
//
// A number is LEB128 (seven bits a byte, the lowest first), a signed one zigzag in it; a text its size and its bytes. A name
// stands for a text: 0 and the text the first time, which is then 1, 2, … for the rest of the file. About 50 bytes a host.

#include <string>

#include "common/base/result.h"
#include "meta/hosts/host_table.h"

namespace ops::meta {

inline constexpr char kSavedHostsFile[] = "var/hosts.table";

/// Replaces the file, atomically, for its owner only. Returns the number of hosts.
Result<size_t> save_hosts(const HostTable& hosts, const std::string& path, HostTable::TimePoint now);

/// Reads the file into the table, which must be empty, and returns the number of hosts: 0 when there is no file. Hosts keep the
/// time when they were heard; those for which the table has no room are left out. After an error, which says why the file is
/// ignored, the table is empty.
Result<size_t> load_hosts(HostTable& hosts, const std::string& path, HostTable::TimePoint now);

}  // namespace ops::meta
