#include "updater/release/leftovers.h"

#include "common/base/log.h"
#include "updater/release/failed_release.h"
#include "updater/release/install.h"

namespace ops::updater {

Result<void> remove_leftovers(const Layout& layout, const Observed& seen, int keep_versions) {
  for (const std::string& entry : leftovers(seen, keep_versions)) {
    const std::string path = layout.agent(seen.name) + "/" + entry;
    const bool has_failed = is_failed_release(seen, entry);
    const std::string kept = has_failed ? layout.failed(seen.name, seen.state.latch->version) : "";
    if (auto done = has_failed ? keep_failed_release(path, kept) : remove_release(path); !done) return done;
    log::debug(seen.name, ": ", has_failed ? "kept files of " : "removed ", entry);
  }
  return {};
}

}  // namespace ops::updater
