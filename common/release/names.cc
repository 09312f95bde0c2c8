#include "common/release/names.h"

#include <sys/stat.h>

#include <algorithm>

namespace ops {

namespace {

constexpr char kControl[] = "control";
constexpr size_t kNamesShown = 3;
constexpr size_t kOwnersShown = 4;

std::string last_part(const std::string& name) { return name.substr(name.rfind('/') + 1); }

/// Whether macOS added the file to the folder or to the archive.
bool is_macos_file(const std::string& name) {
  const std::string last = last_part(name);
  return last.starts_with("._") || last == ".DS_Store" || name.substr(0, name.find('/')) == "__MACOSX";
}

}  // namespace

std::optional<std::string> clean_name(const std::string& name) {
  if (name.empty() || name[0] == '/') return std::nullopt;
  std::string clean;
  std::istringstream parts(name);
  for (std::string part; std::getline(parts, part, '/');) {
    if (part.empty() || part == ".") continue;
    if (part == "..") return std::nullopt;
    clean += (clean.empty() ? "" : "/") + part;
  }
  return clean;
}

/// ".." is allowed only at the start of the target: the parent of a folder that is reached through a link is not known from the
/// text.
bool leads_out(const std::string& name, const std::string& target) {
  if (target.empty() || target[0] == '/') return true;
  long depth = std::count(name.begin(), name.end(), '/');
  bool is_down = false;
  std::istringstream parts(target);
  for (std::string part; std::getline(parts, part, '/');) {
    if (part.empty() || part == ".") continue;
    if (part != "..") {
      is_down = true;
    } else if (is_down || --depth < 0) {
      return true;
    }
  }
  return false;
}

bool is_too_long(const std::string& name) {
  size_t longest = 0;
  std::istringstream parts(name);
  for (std::string part; std::getline(parts, part, '/');) longest = std::max(longest, part.size());
  return name.size() > 2048 || longest > 255;
}

bool is_too_deep(const std::string& name) { return std::count(name.begin(), name.end(), '/') > kMaxDepth; }

bool is_updaters_own(const std::string& name) {
  const std::string top = name.substr(0, name.find('/'));
  return top == ".installed" || top == ".installed.new";
}

void NameSample::add(const std::string& name) {
  ++count_;
  if (first_.size() < kNamesShown) first_.push_back(one_line(name, 200));
}

std::string NameSample::text() const {
  std::string text;
  for (const std::string& name : first_) text += (text.empty() ? "" : ", ") + name;
  return count_ > first_.size() ? cat(text, " and ", count_ - first_.size(), " more") : text;
}

void PackagingWarnings::add(const ArchiveEntry& entry, const std::string& name) {
  if (name.empty()) return;  // the top folder
  if (is_macos_file(name)) macos_.add(name);
  if ((entry.mode & (S_ISUID | S_ISGID)) != 0) set_ids_.add(name);
  if (entry.has_capabilities) capable_.add(name);
  const Owner owner(entry.uid, entry.gid);
  if (name == kControl) control_owner_ = owner;
  if (owned_.contains(owner) || owned_.size() < kOwnersShown) owned_[owner].add(name);
  if (entry.kind != ArchiveEntry::Kind::file || last_part(name) != kControl || name == kControl) return;
  const auto depth = [](const std::string& path) { return std::count(path.begin(), path.end(), '/'); };
  if (deep_control_.empty() || depth(name) < depth(deep_control_)) deep_control_ = name;
}

std::vector<std::string> PackagingWarnings::warnings() const {
  std::vector<std::string> lines;
  if (!macos_.empty()) lines.push_back(cat("macOS added files that hosts do not need: ", macos_.text()));
  return lines;
}

std::vector<std::string> PackagingWarnings::lost() const {
  constexpr std::string_view kRemedy = "; \"preserve\": true in the agent's entry of ops-meta keeps it";
  std::vector<std::string> lines;
  if (!set_ids_.empty()) lines.push_back(cat("hosts do not keep the set-uid or set-gid bit of ", set_ids_.text(), kRemedy));
  if (!capable_.empty()) lines.push_back(cat("hosts do not keep the capabilities of ", capable_.text(), kRemedy));
  for (const auto& [owner, names] : owned_) {
    if (owner == control_owner_) continue;
    lines.push_back(cat("hosts do not keep the owner (uid ", owner.first, ", gid ", owner.second, ") of ", names.text(),
                        ": all files belong to the updater's user", kRemedy));
  }
  return lines;
}

}  // namespace ops
