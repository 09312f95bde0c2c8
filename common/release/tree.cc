#include "common/release/tree.h"

namespace ops {

namespace {

using Kind = ArchiveEntry::Kind;

/// Removes the first part of a clean name and returns it.
std::string take_part(std::string_view& name) {
  const size_t slash = name.find('/');
  const std::string part(name.substr(0, slash));
  name = slash == std::string_view::npos ? std::string_view() : name.substr(slash + 1);
  return part;
}

}  // namespace

std::string ReleaseTree::add(const std::string& name, Kind kind) {
  Id folder = 0;
  for (std::string_view rest = name; !rest.empty();) {
    std::string part = take_part(rest);
    const bool is_last = rest.empty();
    const auto id = static_cast<Id>(nodes_.size() + 1);
    const auto [known, is_new] = nodes_.try_emplace({folder, std::move(part)}, Node{id, is_last ? kind : Kind::folder});
    const Kind found = known->second.kind;
    if (is_last && !is_new && (found != kind || kind == Kind::symbolic_link)) return "has the name of an earlier entry";
    if (!is_last && found == Kind::symbolic_link) return "lies below a symbolic link";
    if (!is_last && found == Kind::file) return "lies below a file";
    if (!is_last && is_new) ++implied_folders_;
    folder = known->second.id;
  }
  return "";
}

std::optional<Kind> ReleaseTree::find(const std::string& name) const {
  if (name.empty()) return Kind::folder;
  Id folder = 0;
  std::optional<Kind> kind;
  for (std::string_view rest = name; !rest.empty();) {
    const auto known = nodes_.find({folder, take_part(rest)});
    if (known == nodes_.end()) return std::nullopt;
    folder = known->second.id;
    kind = known->second.kind;
  }
  return kind;
}

}  // namespace ops
