#include "tests/support/mount_namespace.h"

#include <unistd.h>

#include "common/base/text.h"

namespace ops::tests {

namespace {

// In a chroot, / is no mount point, and no call makes its mounts private. There a folder that is mounted over itself shows
// whether the outer namespace (that of the parent process) sees it.
constexpr char kMakePrivate[] = R"sh(
mount --make-rprivate / 2>/dev/null || {
  probe=$(mktemp -d)
  mount --bind "$probe" "$probe"
  seen=$(grep -c " $probe " "/proc/$PPID/mountinfo") || true
  umount "$probe"
  rmdir "$probe"
  [ "$seen" = 0 ] || {
    echo "this test mounts, and the mounts of this chroot are shared: mount --bind its folder over itself, make that private"
    exit 1
  }
}
)sh";

}  // namespace

std::vector<std::string> own_mounts(const std::string& prepare, const std::vector<std::string>& unshare_options) {
  std::vector<std::string> words = {"unshare"};
  if (::geteuid() != 0) words.push_back("--map-root-user");
  words.insert(words.end(),
               {"--mount", "--propagation", "unchanged", "sh", "-c", cat("set -e\n", kMakePrivate, "exec \"$@\""), "sh"});
  if (!unshare_options.empty()) {
    words.insert(words.end(), {"unshare", "--propagation", "unchanged"});
    words.insert(words.end(), unshare_options.begin(), unshare_options.end());
  }
  words.insert(words.end(), {"sh", "-c", cat("set -e\n", prepare, "\nexec \"$@\""), "sh"});
  return words;
}

}  // namespace ops::tests
