#include "tests/support/small_disk.h"

#include <sys/mount.h>
#include <sys/stat.h>

namespace ops::tests {

SmallDisk::SmallDisk(int megabytes) : path_(folder_ / "disk") {
  ::mkdir(path_.c_str(), 0755);
  const std::string options = "size=" + std::to_string(megabytes) + "m";
  is_mounted_ = ::mount("tmpfs", path_.c_str(), "tmpfs", 0, options.c_str()) == 0;
}

SmallDisk::~SmallDisk() {
  if (is_mounted_) ::umount2(path_.c_str(), MNT_DETACH);
}

}  // namespace ops::tests
