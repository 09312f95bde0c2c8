#pragma once

// Finds two faults of a JSON document that nlohmann/json accepts: an object with the same key twice (the library silently keeps
// the last value), and nesting that is deeper than any config needs. The caller forwards the parser's events.

#include <cstddef>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace ops {

class JsonGuard {
 public:
  /// object, list: one begins. end: one ends. key, value: one was read.
  enum class Event { object, list, key, value, end };

  static constexpr size_t kMaxDepth = 64;

  /// Call it for each event. `depth` is the number of objects and lists around the event. False when that exceeds kMaxDepth.
  bool follow(size_t depth, Event event, const std::string& key);

  /// Where the first duplicate key is, like "agents[0].default.version"; nullopt without one.
  const std::optional<std::string>& duplicate() const { return duplicate_; }
  bool is_too_deep() const { return is_too_deep_; }

 private:
  struct Level {
    bool is_list;
    size_t entries = 0;    // that have begun
    std::string key = {};  // the last one
    std::set<std::string> keys = {};
  };

  void take(const std::string& key);

  std::vector<Level> levels_;
  std::optional<std::string> duplicate_;
  bool is_too_deep_ = false;
};

}  // namespace ops
