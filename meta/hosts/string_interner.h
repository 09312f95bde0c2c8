#pragma once

// Texts that many hosts share, each kept once: a million hosts say "started", and a few hundred versions. Hosts send whatever
// they like, so the number of different texts is bounded: beyond it every further one becomes the pool's overflow text.

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace ops::meta {

/// Not synchronised. No call takes more than a few microseconds: nothing here is ever copied to grow.
class StringInterner {
 public:
  using Id = uint32_t;  // reused when nobody refers to a text any more
  static constexpr Id kOverflow = 0;

  /// `limit` different texts at most, the overflow text not counted.
  StringInterner(size_t limit, std::string_view overflow);
  StringInterner(const StringInterner&) = delete;
  StringInterner& operator=(const StringInterner&) = delete;

  /// Takes a reference; kOverflow when the text is new and there is no room. `even_if_full` makes room.
  Id acquire(std::string_view text, bool even_if_full = false);

  /// Without a reference; kOverflow when nobody has the text.
  Id find(std::string_view text) const;

  /// Gives a reference back. The text is freed with its last one; kOverflow stays.
  void release(Id id);

  const std::string& text(Id id) const { return slots_[id].text; }
  uint32_t references(Id id) const { return slots_[id].references; }

  /// Different texts, the overflow text not counted.
  size_t size() const { return ids_.size(); }

 private:
  struct Slot {
    std::string text;
    uint32_t references = 0;
  };

  const size_t limit_;
  std::deque<Slot> slots_;  // by id
  std::vector<Id> free_;
  std::unordered_map<std::string_view, Id> ids_;  // the keys are the slots' texts
};

/// Two texts as one, for a pool of pairs. Neither may hold a line break: what hosts send holds none.
std::string join(std::string_view first, std::string_view second);
std::pair<std::string_view, std::string_view> split(std::string_view joined);

/// joined == join(first, second), without making it.
bool is_joined(std::string_view joined, std::string_view first, std::string_view second);

}  // namespace ops::meta
