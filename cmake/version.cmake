# Writes build/version.cc, which implements common/base/version.h: the version, the commit, and the linked libraries.
#   cmake -DSOURCE_DIR=… -DVERSION=1.0.0 "-DLIBRARIES_META=OpenSSL 3.0.19-1|…" "-DLIBRARIES_UPDATER=…" -DOUTPUT=version.cc -P version.cmake
# Each build runs this script. It writes the file only when the content changes.

# `git archive` writes the commit to this file (.gitattributes).
file(STRINGS ${SOURCE_DIR}/cmake/commit commit LIMIT_COUNT 1)
if(commit MATCHES "Format")
  set(commit unknown)
endif()
find_program(GIT git)
if(GIT AND EXISTS ${SOURCE_DIR}/.git)
  # safe.directory: the checkout may belong to another user.
  set(git ${GIT} -c safe.directory=* -C ${SOURCE_DIR})
  execute_process(COMMAND ${git} rev-parse --short=12 HEAD OUTPUT_VARIABLE head RESULT_VARIABLE failed
    OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
  execute_process(COMMAND ${git} status --porcelain --untracked-files=no OUTPUT_VARIABLE changes ERROR_QUIET)
  if(NOT failed)
    set(commit ${head})
    if(changes)
      string(APPEND commit " with uncommitted changes")
    endif()
  endif()
endif()

string(REPLACE "|" "\\n" meta "${LIBRARIES_META}")
string(REPLACE "|" "\\n" updater "${LIBRARIES_UPDATER}")
file(CONFIGURE OUTPUT ${OUTPUT} @ONLY CONTENT [[
#include "common/base/version.h"

namespace ops {

std::string version() { return "@VERSION@"; }

std::string build_details(const std::string& daemon) {
  const std::string commit = "commit @commit@\n";
  return version() + "\n" + commit + (daemon == "ops-meta" ? "@meta@" : "@updater@") + "\n";
}

}  // namespace ops
]])
