#pragma once

// What is seen in the names and headers of a release's entries. All names here are as clean_name gives them.

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/release/archive.h"

namespace ops {

inline constexpr long kMaxDepth = 64;

/// "./a//b" as "a/b", and "." as ""; nullopt for an absolute name or one with "..".
std::optional<std::string> clean_name(const std::string& name);

/// Whether a symbolic link at `name` with this target may lead out of the release.
bool leads_out(const std::string& name, const std::string& target);

/// No name on a disk may be longer than 255 bytes, and together they must stay far below PATH_MAX.
bool is_too_long(const std::string& name);

/// Whether more than kMaxDepth folders are above it.
bool is_too_deep(const std::string& name);

/// What the updater writes into a release's folder itself.
bool is_updaters_own(const std::string& name);

/// The first names of many, and how many there were.
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

/// Gathers what the packer may not have meant.
class PackagingWarnings {
 public:
  void add(const ArchiveEntry& entry, const std::string& name);

  /// A line each.
  std::vector<std::string> warnings() const;
  /// The name of a file `control` in a folder, the one that is least deep; "" when there is none.
  const std::string& deep_control() const { return deep_control_; }

 private:
  using Owner = std::pair<int64_t, int64_t>;  // uid and gid

  NameSample macs_;
  NameSample set_ids_;
  NameSample capable_;
  std::map<Owner, NameSample> owned_;
  Owner controls_{-1, -1};
  std::string deep_control_;
};

}  // namespace ops
