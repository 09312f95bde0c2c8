#include "updater/release/unpack.h"

#include <sys/statvfs.h>

#include "common/base/file.h"
#include "common/release/names.h"

namespace ops::updater {

namespace {

ReleaseOutcome host_fault_of(const Result<void>& outcome) {
  if (outcome) return std::nullopt;
  return ReleaseError{ReleaseFault::host, outcome.error()};
}

/// The second pass, over an archive that was judged good.
ReleaseOutcome extract(const std::string& tarball, const std::string& folder, const std::stop_token& cancel) {
  ArchiveReader reader(tarball);
  ArchiveWriter writer;
  ReleaseOutcome fault;
  while (const auto entry = reader.next(fault)) {
    const auto name = clean_name(entry->name);
    if (!name) return release_fault("it changed while it was read");
    if (name->empty()) continue;  // the folder itself
    const bool is_folder = entry->kind == ArchiveEntry::Kind::folder;
    const mode_t mode = (entry->mode & 0755) | (is_folder ? 0700 : 0);
    const bool is_hard_link = entry->kind == ArchiveEntry::Kind::hard_link;
    const std::string target = is_hard_link ? cat(folder, "/", clean_name(entry->target).value_or("")) : "";
    if (ReleaseOutcome failed = writer.write(reader, cat(folder, "/", *name), mode, target, cancel)) return failed;
  }
  return fault ? fault : writer.finish();
}

ReleaseOutcome check_room(const std::string& folder, uint64_t needed, uint64_t reserve) {
  struct statvfs disk = {};
  if (::statvfs(folder.c_str(), &disk) != 0) return std::nullopt;
  const uint64_t available = uint64_t{disk.f_bavail} * disk.f_frsize;
  if (available >= needed + reserve) return std::nullopt;
  return host_fault(cat("not enough disk space: unpacked it takes ", needed, " bytes and ", reserve, " are to stay free, ",
                        available, " bytes are free on the disk of ", folder));
}

}  // namespace

ReleaseOutcome unpack(const std::string& tarball, const std::string& folder, const UnpackLimits& limits,
                      const std::stop_token& cancel) {
  ReleaseFindings findings;
  if (ReleaseOutcome refused = inspect_release(tarball, limits, cancel, findings)) return refused;
  if (ReleaseOutcome failed = host_fault_of(make_directories(folder))) return failed;
  if (ReleaseOutcome full = check_room(folder, findings.room_needed, limits.reserve)) return full;
  if (ReleaseOutcome failed = extract(tarball, folder, cancel)) return failed;
  return host_fault_of(sync_tree(folder));
}

}  // namespace ops::updater
