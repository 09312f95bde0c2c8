#pragma once

// The files, folders and links of a release, as far as its entries were read. Each name must lead through real folders to a
// place that is free, or holds the same kind of thing: writing to a/b when a is a link would write to wherever a leads.
//
// A tree keeps a folder's name once, however many names lie below it: whole names, with those of all folders above them, took
// 4 GB for a tarball of 80 KB. 100,000 names of 255 bytes take 40 MB here.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "common/release/archive.h"

namespace ops {

class ReleaseTree {
 public:
  /// Adds what is named by `name` (clean), and the folders that its name implies. Returns why that can't be: "is there twice".
  std::string add(const std::string& name, ArchiveEntry::Kind kind);

  /// nullopt when nothing has this name.
  std::optional<ArchiveEntry::Kind> find(const std::string& name) const;

  /// Folders that no entry had named when a name below them came.
  uint64_t implied_folders() const { return implied_folders_; }

 private:
  using Id = uint32_t;
  using Place = std::pair<Id, std::string>;  // in a folder, under a name of one part

  struct Node {
    Id id;
    ArchiveEntry::Kind kind;
  };

  std::map<Place, Node> nodes_;  // the top folder is 0, and no node
  uint64_t implied_folders_ = 0;
};

}  // namespace ops
