#pragma once

// Checks of the names and headers of a release's entries. All functions but clean_name take names that clean_name returned.

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/release/archive.h"

namespace ops {

inline constexpr long kMaxDepth = 64;

/// The normalized name: "a/b" for "./a//b", "" for ".". nullopt for an absolute name or one with "..".
std::optional<std::string> clean_name(const std::string& name);

/// Whether a symbolic link `name` with this target may lead out of the release's folder.
bool leads_out(const std::string& name, const std::string& target);

/// Whether a part of the name is longer than 255 bytes, or the name longer than 2048 bytes (PATH_MAX is 4096).
bool is_too_long(const std::string& name);

/// Whether the name is below more than kMaxDepth folders.
bool is_too_deep(const std::string& name);

/// Whether the updater itself writes this file into the folder of a release.
bool is_updaters_own(const std::string& name);

/// Counts names and keeps the first few.
class NameSample {
 public:
  void add(const std::string& name);
  bool empty() const { return count_ == 0; }
  /// "a, b, c and 2 more"
  std::string text() const;

 private:
  std::vector<std::string> first_;
  size_t count_ = 0;
};

/// Collects likely packaging mistakes.
class PackagingWarnings {
 public:
  void add(const ArchiveEntry& entry, const std::string& name);

  /// Files that hosts do not need, one line for each kind.
  std::vector<std::string> warnings() const;
  /// Attributes that hosts do not keep without `preserve`, one line for each kind.
  std::vector<std::string> lost() const;
  /// The name of the file `control` that is in a folder, not at the top. The least deep one of several; "" without such a file.
  const std::string& deep_control() const { return deep_control_; }

 private:
  using Owner = std::pair<int64_t, int64_t>;  // uid and gid

  NameSample macos_;
  NameSample set_ids_;
  NameSample capable_;
  std::map<Owner, NameSample> owned_;
  Owner control_owner_{-1, -1};
  std::string deep_control_;
};

}  // namespace ops
