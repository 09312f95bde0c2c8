#include "common/base/json_guard.h"

#include <algorithm>

#include "common/base/text.h"

namespace ops {

bool JsonGuard::follow(size_t depth, Event event, const std::string& key) {
  const bool is_list = event == Event::list;
  const bool enters = is_list || event == Event::object;
  if (depth + (enters ? 1 : 0) > kMaxDepth) {
    is_too_deep_ = true;
    return false;
  }
  levels_.resize(std::min(levels_.size(), depth));
  if (event == Event::key) take(key);
  if ((enters || event == Event::value) && !levels_.empty()) ++levels_.back().entries;
  if (enters) levels_.push_back({is_list});
  return true;
}

void JsonGuard::take(const std::string& key) {
  Level& level = levels_.back();
  const bool is_new = level.keys.insert(key).second;
  level.key = key;
  if (is_new || duplicate_) return;
  duplicate_.emplace();
  for (const Level& each : levels_) {
    *duplicate_ += each.is_list ? cat("[", each.entries - 1, "]") : cat(duplicate_->empty() ? "" : ".", each.key);
  }
}

}  // namespace ops
