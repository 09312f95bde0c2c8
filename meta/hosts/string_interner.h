#pragma once

// A string interner with reference counts: stores each different text once, as a million hosts share "started" and a few
// hundred versions. The number of different texts is limited, because a host can send any text: a new text beyond the limit
// becomes the overflow text.

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace ops::meta {

/// Not thread-safe. Each call takes a few microseconds at most: no container is ever copied or rehashed to grow.
class StringInterner {
 public:
  using Id = uint32_t;  // of a text; reused after its last reference is released
  static constexpr Id kOverflow = 0;

  /// Stores at most `limit` different texts, not counting the overflow text.
  StringInterner(size_t limit, std::string_view overflow);
  StringInterner(const StringInterner&) = delete;
  StringInterner& operator=(const StringInterner&) = delete;

  /// Adds a reference to the text. Returns kOverflow if the text is new and the limit is reached, unless `even_if_full`.
  Id acquire(std::string_view text, bool even_if_full = false);

  /// The id without a new reference; kOverflow if the text is not stored.
  Id find(std::string_view text) const;

  /// Releases one reference. The last one frees the text; kOverflow is never freed.
  void release(Id id);

  const std::string& text(Id id) const { return slots_[id].text; }
  uint32_t references(Id id) const { return slots_[id].references; }

  /// Different texts, not counting the overflow text.
  size_t size() const { return ids_.size(); }

 private:
  struct Slot {
    std::string text;
    uint32_t references = 0;
  };

  const size_t limit_;
  std::deque<Slot> slots_;  // by id
  std::vector<Id> free_;
  std::unordered_map<std::string_view, Id> ids_;  // the keys point into slots_
};

/// Two texts as one, to intern a pair. Neither may contain a line break; parse_heartbeat_request refuses them.
std::string join(std::string_view first, std::string_view second);
std::pair<std::string_view, std::string_view> split(std::string_view joined);

/// joined == join(first, second), without building the joined text.
bool is_joined(std::string_view joined, std::string_view first, std::string_view second);

}  // namespace ops::meta
