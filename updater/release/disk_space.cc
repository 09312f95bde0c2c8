#include "updater/release/disk_space.h"

#include <sys/statvfs.h>

namespace ops::updater {

Result<void> check_disk_space(const std::string& path, uint64_t needed, uint64_t reserve) {
  struct statvfs disk = {};
  if (::statvfs(path.c_str(), &disk) != 0) return {};  // the write that follows reports what is wrong
  const uint64_t available = uint64_t{disk.f_bavail} * disk.f_frsize;
  if (available >= needed + reserve) return {};
  return Error{cat("not enough disk space: ", needed, " bytes are needed and ", reserve,
                   " bytes must stay free, but the disk of ", path, " has only ", available, " bytes free")};
}

}  // namespace ops::updater
