#pragma once

// The host table on disk. ops-meta writes it when it stops and reads it when it starts, so that a restart loses no host.
// Rejected: to write it every few minutes as well. That costs 50 MB per write for a million hosts, and after a crash without
// the file all hosts report again within one interval anyway.
//
//   "OPSHOSTS"                              8 bytes
//   format: kFormat                         4 bytes, little-endian like the two below
//   time of the save, seconds since 1970    8 bytes; the times in the file are of the wall clock at the save
//   hosts, sorted by name
//   checksum of all bytes above             8 bytes, 64-bit FNV-1a
//
// A host is a sequence of these fields:
//
//   text hostname
//   number time of the last heartbeat, seconds since 1970
//   name updaterVersion, name platform
//   number of agents, and for each   name agent, name version, name status, signed (timestamp - time of the last heartbeat)
//   number interval, number restarts of the updater, and for each agent its health (survey.h):
//                                    number since (HostTable::HostHealth), stage, down, restarts, counted
//   number of updates, and for each  name agent, name version, name phase, signed done, total, attempts, since, text error
//
// A number is LEB128 (seven bits a byte, the lowest first); a signed number is zigzag in LEB128. A text is its size in bytes
// (a number) and its bytes. A name is a text that many hosts share: at its first use the number 0 and the text, which gets
// the next number, 1, 2, …; at later uses that number. A host takes about 60 bytes.
//
// Format 2 has no health and is still read. Format 1 (blocks with a checksum each) is not. An older ops-meta refuses a later
// format by its number.

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/result.h"
#include "meta/hosts/host_table.h"

namespace ops::meta {

inline constexpr char kSavedHostsFile[] = "var/hosts.table";

/// Makes the bytes of the file, piece by piece. Borrows the table, and blocks its heartbeats for a moment at a time.
class HostsWriter {
 public:
  /// `wall`: the time of the wall clock of the reader's machine at `now`.
  HostsWriter(const HostTable& hosts, HostTable::TimePoint now, HostTable::TimePoint wall);
  ~HostsWriter();

  /// Appends the next piece. False with the last one.
  bool next(std::string& to);
  size_t count() const;  // hosts so far

 private:
  struct State;
  const std::unique_ptr<State> state_;
};

/// Why the bytes are no host table of this format; "" if they are one.
std::string fault_of_hosts(std::string_view file);

/// Replaces the file atomically, with mode 0600. Returns the number of hosts in it. `wall`: the time of the wall clock at
/// `now`.
Result<size_t> save_hosts(const HostTable& hosts, const std::string& path, HostTable::TimePoint now, HostTable::TimePoint wall);

/// Reads the file into the table, which must be empty. Returns the number of hosts in the table; 0 if there is no file. The age
/// of each host's last heartbeat is its age at the save plus `since_save`. With nullopt (the wall clock was not set since the
/// save) the times are the saved ones, but never after `now`. Leaves out hosts beyond the table's limits.
///
/// A file that is damaged, of another format or older than kForgetAfter is an error that says so; the table is empty then.
Result<size_t> load_hosts(HostTable& hosts, const std::string& path, HostTable::TimePoint now,
                          std::optional<std::chrono::seconds> since_save = std::nullopt);

}  // namespace ops::meta
