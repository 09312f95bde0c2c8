#pragma once

// Finds machines that send heartbeats under one hostname, such as clones. Each updater has an id of its own. A hostname whose
// id changes is no proof: a reinstalled updater has a new id. A hostname whose id changes and comes back has two machines.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace ops::meta {

/// Not thread-safe.
class DuplicateNames {
 public:
  static constexpr size_t kMaxNames = 10'000;  // hostnames whose id changed lately; the class ignores more
  static constexpr size_t kMaxExamples = 3;

  using Id = uint32_t;  // a short hash of an updater's id; 0: the updater sends none
  static Id hash(std::string_view host_id);

  /// To be called with each heartbeat of a host. `before`: the id of its last heartbeat. `interval`: seconds between two
  /// heartbeats. Returns whether two machines use the name: from an id that comes back within three intervals, until it has not
  /// changed for three intervals.
  bool note(const std::string& hostname, Id before, Id id, uint32_t interval, uint32_t now);

  void forget(const std::string& hostname) { names_.erase(hostname); }
  void clear() { names_.clear(); }

  struct Found {
    size_t count = 0;
    std::vector<std::string> examples;  // kMaxExamples, sorted
  };
  Found found() const;

 private:
  struct Change {
    Id other = 0;        // the id before
    uint32_t until = 0;  // then the change is forgotten
    bool is_duplicate = false;
  };

  std::map<std::string, Change> names_;  // by hostname
};

}  // namespace ops::meta
