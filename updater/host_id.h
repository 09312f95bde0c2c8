#pragma once

// An id of this installation, by which ops-meta sees that two machines send heartbeats under one hostname.

#include <string>

namespace ops::updater {

inline constexpr char kHostIdFile[] = "var/host-id";

/// The identity of the machine: /etc/machine-id and the product_uuid of the (virtual) hardware, because cloned disks have the
/// same machine-id. "" if neither can be read.
std::string machine_identity();

/// The id in the file, 32 hex digits. Makes a new, random one if there is none, or if the file was copied from a machine with
/// another identity. "" if the file cannot be written: the id would be another one after each restart.
///
///   8f14e45fceea167a5a36dedd4bea2543 IDENTITY
std::string host_id(const std::string& path, const std::string& identity);

}  // namespace ops::updater
