#include "tests/support/file_systems.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "tests/support/process.h"

namespace ops::tests {

namespace {

/// Sets or clears the attribute of `chattr +i`. Returns a reason when that fails.
std::string set_immutable(const std::string& path, bool on) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  int flags = 0;
  bool done = file >= 0 && ::ioctl(file, FS_IOC_GETFLAGS, &flags) == 0;
  flags = on ? flags | FS_IMMUTABLE_FL : flags & ~FS_IMMUTABLE_FL;
  done = done && ::ioctl(file, FS_IOC_SETFLAGS, &flags) == 0;
  const int error = errno;
  if (file >= 0) ::close(file);
  if (done) return "";
  return "this test needs root with CAP_LINUX_IMMUTABLE, and attributes on the file system of " + path + ": " +
         std::strerror(error);
}

}  // namespace

Mounted::Mounted() : path_(folder_ / "mounted") { ::mkdir(path_.c_str(), 0755); }

Mounted::~Mounted() {
  if (problem_.empty()) ::umount2(path_.c_str(), MNT_DETACH);
}

LoopDisk::LoopDisk(int megabytes) {
  const std::string image = folder_ / "image";
  const std::string size = std::to_string(megabytes) + "M";
  Finished made = run({"mkfs.ext4", "-q", "-F", image, size});
  if (made.exit_code == 0) made = run({"mount", "-o", "loop", image, path_});
  problem_ = made.exit_code == 0 ? "" : "this test needs root, mkfs.ext4 (e2fsprogs) and a loop device: " + made.output;
}

void Overlay::mount() {
  for (const char* name : {"lower", "upper", "work"}) ::mkdir((folder_ / name).c_str(), 0755);
  const std::string options =
      "lowerdir=" + lower() + ",upperdir=" + folder_ / "upper" + ",workdir=" + folder_ / "work" + ",redirect_dir=off";
  const bool done = ::mount("overlay", path_.c_str(), "overlay", 0, options.c_str()) == 0;
  problem_ = done ? "" : std::string("this test needs root and overlayfs on the disk of $TMPDIR: ") + std::strerror(errno);
}

Immutable::Immutable(const std::string& path) : path_(path), problem_(set_immutable(path, true)) {}

Immutable::~Immutable() { set_immutable(path_, false); }

std::string make_mutable(const std::string& path) { return set_immutable(path, false); }

}  // namespace ops::tests
