#include "updater/release/unpack.h"

#include <filesystem>

#include "common/base/file.h"
#include "common/base/log.h"
#include "common/release/names.h"
#include "updater/release/disk_space.h"

namespace ops::updater {

namespace {

/// Writes the entries of an archive that inspect_release() accepted.
ReleaseOutcome extract(const std::string& tarball, const std::string& folder, bool preserve, const std::stop_token& cancel) {
  ArchiveReader reader(tarball);
  ArchiveWriter writer;
  ReleaseOutcome fault;
  while (const auto entry = reader.next(fault)) {
    const auto name = clean_name(entry->name);
    if (!name) return release_fault("the tarball changed while it was read");
    if (name->empty()) continue;  // the release's own folder
    const bool is_folder = entry->kind == ArchiveEntry::Kind::folder;
    const bool keeps = preserve && *name != "control";
    const mode_t mode = (entry->mode & (keeps ? 07777 : 0755)) | (is_folder ? 0700 : 0);
    const bool is_hard_link = entry->kind == ArchiveEntry::Kind::hard_link;
    const std::string target = is_hard_link ? cat(folder, "/", clean_name(entry->target).value_or("")) : "";
    if (ReleaseOutcome failed = writer.write(reader, cat(folder, "/", *name), {mode, keeps}, target, cancel)) return failed;
  }
  return fault ? fault : writer.finish();
}

}  // namespace

ReleaseOutcome unpack(const std::string& tarball, const std::string& folder, const UnpackOptions& options,
                      const std::stop_token& cancel) {
  ReleaseFindings findings;
  if (ReleaseOutcome refused = inspect_release(tarball, options, cancel, findings)) return refused;
  if (!options.preserve) {
    for (const std::string& lost : findings.lost) log::warning(std::filesystem::path(tarball).filename().string(), ": ", lost);
  }
  if (const auto made = make_directories(folder); !made) return host_fault(made.error());
  if (const auto space = check_disk_space(folder, findings.room_needed, options.reserve); !space)
    return host_fault(space.error());
  if (ReleaseOutcome failed = extract(tarball, folder, options.preserve, cancel)) return failed;
  if (const auto synced = sync_tree(folder); !synced) return host_fault(synced.error());
  return std::nullopt;
}

}  // namespace ops::updater
