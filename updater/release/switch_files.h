#pragma once

// The files that a switch changes: .version, the folders of releases, and the reserve for a rollback.
//
// A step that fails after the old version was stopped costs a restart of it. So a switch rehearses its commit before the stop.

#include <string>

#include "common/base/result.h"
#include "updater/model/layout.h"

namespace ops::updater {

/// Makes `version` the current one: replaces .version durably. With the version that is current already, this is a rehearsal:
/// if it works, then .version is not immutable, and the disk is neither full nor read-only.
Result<void> put_version(const Layout& layout, const std::string& name, const std::string& version);

/// Exchanges the folders VERSION and .staged-VERSION in one step (RENAME_EXCHANGE). There is no other way that survives a crash
/// at any instant: with several renames, VERSION is missing in between.
Result<void> exchange_content(const Layout& layout, const std::string& name, const std::string& version);

/// Whether exchange_content() can work on this file system. It cannot on NFS and most FUSE file systems, and on overlayfs if
/// VERSION belongs to the lower layer (the image of a container). An error means that it cannot work for another reason, which
/// may pass. Both folders must exist; neither changes.
Result<bool> can_exchange_content(const Layout& layout, const std::string& name, const std::string& version);

/// Renames .staged-VERSION to VERSION, which must not exist.
Result<void> put_staged(const Layout& layout, const std::string& name, const std::string& version);

/// Writes a file that takes disk space, so that a rollback can record its steps although the new release filled the disk.
Result<void> make_reserve(const Layout& layout, const std::string& name);

/// Removes this file. Returns false if there is none.
bool drop_reserve(const Layout& layout, const std::string& name);

}  // namespace ops::updater
