# Writes build/version.cc, which implements common/base/version.h: the version, the commit, its date, and the linked libraries.
#   cmake -DSOURCE_DIR=… -DVERSION=1.0.0 "-DLIBRARIES_META=OpenSSL 3.0.19-1|…" "-DLIBRARIES_UPDATER=…" -DOUTPUT=version.cc -P version.cmake
# Each build runs this script. It writes the file only when the content changes.

# `git archive` writes the commit and its time to this file (.gitattributes).
file(STRINGS ${SOURCE_DIR}/cmake/commit archived)
list(GET archived 0 commit)
list(GET archived 1 time)
if(commit MATCHES "Format")
  set(commit unknown)
  set(time "")
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
    execute_process(COMMAND ${git} log -1 --format=%ct OUTPUT_VARIABLE time OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
    if(changes)
      string(APPEND commit " with uncommitted changes")
    endif()
  endif()
endif()

# The date is that of SOURCE_DATE_EPOCH, or of the commit: the time of the build would give other bytes each time.
if("$ENV{SOURCE_DATE_EPOCH}" STREQUAL "")
  set(ENV{SOURCE_DATE_EPOCH} "${time}")
endif()
set(date unknown)
if("$ENV{SOURCE_DATE_EPOCH}" MATCHES "^[0-9]+$")
  string(TIMESTAMP date "%Y-%m-%d" UTC)
endif()

string(REPLACE "|" "\\n" meta "${LIBRARIES_META}")
string(REPLACE "|" "\\n" updater "${LIBRARIES_UPDATER}")
file(CONFIGURE OUTPUT ${OUTPUT} @ONLY CONTENT [[
#include "common/base/version.h"

namespace ops {

std::string version() { return "@VERSION@"; }

std::string build_details(const std::string& daemon) {
  const std::string commit = "commit @commit@\ndate @date@\n";
  const std::string meta = "@meta@", updater = "@updater@";  // may be the same
  return version() + "\n" + commit + (daemon == "ops-meta" ? meta : updater) + "\n";
}

}  // namespace ops
]])
