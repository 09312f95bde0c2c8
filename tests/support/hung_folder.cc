#include "tests/support/hung_folder.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace ops::tests {

HungFolder::HungFolder(const std::string& path) : path_(path) {
  device_ = ::open("/dev/fuse", O_RDWR | O_CLOEXEC);
  const std::string options = "fd=" + std::to_string(device_) + ",rootmode=40000,user_id=0,group_id=0";
  if (device_ < 0 || ::mount("hung", path_.c_str(), "fuse", MS_NOSUID | MS_NODEV, options.c_str()) != 0) {
    failure_ = std::string("this test needs root (CAP_SYS_ADMIN) and /dev/fuse: ") + std::strerror(errno);
  }
}

HungFolder::~HungFolder() {
  if (device_ >= 0) ::close(device_);  // ends the waiting
  if (failure_.empty()) ::umount2(path_.c_str(), MNT_DETACH);
}

}  // namespace ops::tests
