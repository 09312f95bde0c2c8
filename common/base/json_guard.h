#pragma once

// Follows the parse of a JSON document. It finds the first key that an object holds twice, of which a parser keeps the last
// value without a word, and what is nested deeper than a config ever is.

#include <cstddef>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace ops {

class JsonGuard {
 public:
  /// An object or a list begins, a key or a value was read, or an object or a list ends.
  enum class Event { object, list, key, value, end };

  static constexpr size_t kMostNested = 64;

  /// To be called for each event; `depth` counts the objects and lists around it. False when it is nested too deep to be kept.
  bool follow(size_t depth, Event event, const std::string& key);

  /// The place of the first key that is there twice; nullopt when there is none.
  const std::optional<std::string>& doubled() const { return doubled_; }
  bool is_too_deep() const { return is_too_deep_; }

 private:
  struct Level {
    bool is_list;
    size_t entry = 0;
    std::string key = {};
    std::set<std::string> keys = {};
  };

  void take(const std::string& key);

  std::vector<Level> levels_;
  std::optional<std::string> doubled_;
  bool is_too_deep_ = false;
};

}  // namespace ops
