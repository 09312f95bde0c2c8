#include "updater/selftest/scratch_folder.h"

#include <sys/statvfs.h>

#include <cstdlib>
#include <filesystem>
#include <iostream>

#include "common/base/text.h"

namespace ops::updater {

Result<std::string> make_scratch_folder() {
  std::error_code ignored;
  const std::string usual = std::filesystem::temp_directory_path(ignored);
  Result<std::string> result = Error{"cannot run programs in " + usual + " or /var/tmp: both are mounted noexec; set TMPDIR"};
  for (const std::string& parent : {usual, std::string("/var/tmp")}) {
    struct statvfs mount = {};
    if (::statvfs(parent.c_str(), &mount) == 0 && (mount.f_flag & ST_NOEXEC) != 0) {
      std::cout << parent << " is mounted noexec, so no control script runs there.\n";
      continue;
    }
    std::string scratch = parent + "/ops-updater-try.XXXXXX";
    if (::mkdtemp(scratch.data()) != nullptr) return scratch;
    result = system_error("create a folder like", scratch);
  }
  return result;
}

}  // namespace ops::updater
