#include "updater/release/disk_space.h"

#include <sys/statvfs.h>

namespace ops::updater {

Result<void> check_disk_space(const std::string& path, uint64_t needed, uint64_t reserve) {
  struct statvfs disk = {};
  if (::statvfs(path.c_str(), &disk) != 0) return {};  // the write that follows reports what is wrong
  const uint64_t available = uint64_t{disk.f_bavail} * disk.f_frsize;
  if (available >= needed + reserve) return {};
  return Error{cat("not enough disk space: it needs ", needed, " bytes and ", reserve, " must stay free, ", available,
                   " bytes are free on the disk of ", path)};
}

}  // namespace ops::updater
