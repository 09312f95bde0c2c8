#include "meta/hosts/string_interner.h"

namespace ops::meta {

namespace {

constexpr char kSeparator = '\n';

}  // namespace

StringInterner::StringInterner(size_t limit, std::string_view overflow) : limit_(limit) {
  slots_.push_back({std::string(overflow), 1});
  ids_.reserve(limit);  // a rehash would block heartbeats
}

StringInterner::Id StringInterner::acquire(std::string_view text, bool even_if_full) {
  if (const auto found = ids_.find(text); found != ids_.end()) {
    ++slots_[found->second].references;
    return found->second;
  }
  if (ids_.size() >= limit_ && !even_if_full) return kOverflow;
  auto id = static_cast<Id>(slots_.size());
  if (free_.empty()) {
    slots_.emplace_back();
  } else {
    id = free_.back();
    free_.pop_back();
  }
  slots_[id] = {std::string(text), 1};
  ids_.emplace(slots_[id].text, id);
  return id;
}

StringInterner::Id StringInterner::find(std::string_view text) const {
  const auto found = ids_.find(text);
  return found == ids_.end() ? kOverflow : found->second;
}

void StringInterner::release(Id id) {
  if (id == kOverflow || --slots_[id].references > 0) return;
  ids_.erase(slots_[id].text);
  slots_[id].text = std::string();
  free_.push_back(id);
}

std::string join(std::string_view first, std::string_view second) {
  std::string joined;
  joined.reserve(first.size() + 1 + second.size());
  joined.append(first).append(1, kSeparator).append(second);
  return joined;
}

std::pair<std::string_view, std::string_view> split(std::string_view joined) {
  const size_t at = joined.find(kSeparator);
  if (at == std::string_view::npos) return {joined, {}};
  return {joined.substr(0, at), joined.substr(at + 1)};
}

bool is_joined(std::string_view joined, std::string_view first, std::string_view second) {
  return joined.size() == first.size() + 1 + second.size() && joined[first.size()] == kSeparator && joined.starts_with(first) &&
         joined.ends_with(second);
}

}  // namespace ops::meta
