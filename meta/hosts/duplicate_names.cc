#include "meta/hosts/duplicate_names.h"

#include <algorithm>

namespace ops::meta {

DuplicateNames::Id DuplicateNames::hash(std::string_view host_id) {
  if (host_id.empty()) return 0;
  uint32_t sum = 0x811c9dc5;  // 32-bit FNV-1a
  for (const char c : host_id) sum = (sum ^ static_cast<unsigned char>(c)) * 0x01000193;
  return std::max<Id>(sum, 1);
}

bool DuplicateNames::note(const std::string& hostname, Id before, Id id, uint32_t interval, uint32_t now) {
  const bool is_change = id != 0 && before != 0 && id != before;
  if (names_.empty() && !is_change) return false;  // the usual case
  auto found = names_.find(hostname);
  if (found != names_.end() && now > found->second.until) {
    names_.erase(found);
    found = names_.end();
  }
  if (!is_change) return found != names_.end() && found->second.is_duplicate;
  if (found == names_.end()) {
    if (names_.size() >= kMaxNames) std::erase_if(names_, [now](const auto& entry) { return now > entry.second.until; });
    if (names_.size() >= kMaxNames) return false;
    found = names_.emplace(hostname, Change{}).first;
  }
  Change& change = found->second;
  change.is_duplicate = change.is_duplicate || change.other == id;
  change.other = before;
  change.until = now + 3 * interval;
  return change.is_duplicate;
}

DuplicateNames::Found DuplicateNames::found() const {
  Found found;
  for (const auto& [hostname, change] : names_) {
    if (!change.is_duplicate) continue;
    if (++found.count <= kMaxExamples) found.examples.push_back(hostname);
  }
  return found;
}

}  // namespace ops::meta
