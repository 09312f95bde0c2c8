#pragma once

// The files, folders and links of a release, from the entries read so far. The parents of a name must be real folders: if a is
// a link, a write to a/b goes to the target of a. The name itself must be new or of the same kind as before.
//
// The tree keeps the name of a folder once. A set of whole names took 4 GB for a tarball of 80 KB; 100,000 names of 255 bytes
// take 40 MB in the tree.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "common/release/archive.h"

namespace ops {

class ReleaseTree {
 public:
  /// Adds a name (see clean_name) and its parent folders. Returns "" or the error: "lies below a file".
  std::string add(const std::string& name, ArchiveEntry::Kind kind);

  /// The kind of the entry; nullopt for an unknown name.
  std::optional<ArchiveEntry::Kind> find(const std::string& name) const;

  /// The number of parent folders that add() created because no earlier entry named them.
  uint64_t implied_folders() const { return implied_folders_; }

 private:
  using Id = uint32_t;
  using Place = std::pair<Id, std::string>;  // the folder's id and a name without "/"

  struct Node {
    Id id;
    ArchiveEntry::Kind kind;
  };

  std::map<Place, Node> nodes_;  // the top folder has id 0 and no node
  uint64_t implied_folders_ = 0;
};

}  // namespace ops
