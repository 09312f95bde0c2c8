#pragma once

// The hosts' records, sorted by name. A record is one flat block of memory:
//
//   HostRecord (24 bytes) | the name's size, 1 byte | the name, up to a multiple of 8 | AgentEntry x agents (16 bytes each)
//
// A record with a name of 20 bytes and three agents takes 104 bytes of malloc. The name is near the start because a search
// mostly reads names. A host that reports updates has a second block for them.
// To add a field: if every agent of a host has it, to AgentEntry; if few hosts have it, beside `updates`.
//
// The index is a vector of sorted blocks: an insertion moves a part of one block, and sometimes splits it. Rejected: a hash
// table finds a host a little faster, but blocks while it grows, and has no order. A std::map takes 60 bytes more per
// host.

#include <algorithm>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "meta/hosts/limits.h"
#include "meta/hosts/survey.h"

namespace ops::meta {

/// One agent of a host in 16 bytes. survey.h explains the health.
class AgentEntry {
 public:
  int64_t timestamp() const {
    const int64_t timestamp = static_cast<int64_t>(uint64_t{timestamp_} << 16) >> 16;
    if (timestamp == kLatest) return INT64_MAX;
    return timestamp == -kLatest ? INT64_MIN : timestamp;
  }
  uint32_t release() const { return release_; }  // Releases::kNone until set
  uint16_t status() const { return status_; }
  AgentHealth health() const {
    return {since_, stage(), static_cast<uint8_t>(down_), static_cast<uint8_t>(restarts_), static_cast<uint8_t>(counted_)};
  }
  Stage stage() const { return static_cast<Stage>(stage_); }

  /// A time beyond 4 million years becomes the largest or the smallest number.
  void set_timestamp(int64_t timestamp) {
    timestamp_ = static_cast<uint64_t>(std::clamp(timestamp, -kLatest, kLatest)) & 0xFFFF'FFFF'FFFF;
  }
  void set_release(uint32_t release) { release_ = release & 0x1FFFF; }
  void set_status(uint32_t status) { status_ = status & 0x7FFF; }
  /// Cuts `down` to 3 and `restarts` to 7.
  void set_health(const AgentHealth& health) {
    since_ = health.since;
    stage_ = static_cast<uint8_t>(health.stage) & 7;
    down_ = std::min<uint8_t>(health.down, 3) & 3;
    restarts_ = std::min<uint8_t>(health.restarts, 7) & 7;
    counted_ = health.counted;
  }

 private:
  static constexpr int64_t kLatest = (int64_t{1} << 47) - 1;
  static_assert(kMaxReleases + kMaxAgentNames < 0x1FFFF && kMaxStatuses < 0x7FFF);
  uint64_t timestamp_ : 48 = 0;
  uint64_t counted_ : 8 = 0;
  uint64_t down_ : 2 = 0;
  uint64_t restarts_ : 3 = 0;
  uint64_t stage_ : 3 = 0;
  uint32_t since_ = 0;
  uint32_t release_ : 17 = 0;
  uint32_t status_ : 15 = 0;
};

struct UpdateEntry {
  uint32_t release = 0;
  uint16_t phase = 0;
  bool is_held = false;  // the host has this release started, and holds it
  int64_t done = 0;
  int64_t total = 0;
  int64_t attempts = 0;
  int64_t since = 0;
  std::string error;
};

class HostRecord {
 public:
  struct Delete {
    void operator()(HostRecord* record) const;
  };
  using Pointer = std::unique_ptr<HostRecord, Delete>;

  /// `name` is 255 bytes at most.
  static Pointer make(std::string_view name, size_t agent_count);

  /// The size of such a record in bytes.
  static size_t size_of(size_t name_size, size_t agent_count);

  std::string_view name() const {
    const auto* size = reinterpret_cast<const char*>(this + 1);
    return {size + 1, static_cast<unsigned char>(*size)};
  }
  std::span<AgentEntry> agents();
  std::span<const AgentEntry> agents() const { return const_cast<HostRecord*>(this)->agents(); }

  std::unique_ptr<std::vector<UpdateEntry>> updates;  // null if the host reports none
  uint32_t heard_at = 0;                              // time of the last heartbeat, in seconds of steady_now()
  uint32_t id = 0;                                    // of the updater, DuplicateNames::hash(); 0: not known
  uint32_t interval : 17 = 0;                         // seconds; 0 if the host does not report it
  uint32_t updater_restarts : 3 = 0;                  // rises by 2 when the updater was restarted, falls by 1 when not
  bool is_duplicate : 1 = false;                      // two machines use the name; the host counts for no release
  uint16_t updater = 0;                               // of HostTable::updaters_

 private:
  explicit HostRecord(uint16_t agent_count) : agent_count_(agent_count) {}
  uint16_t agent_count_;
};
static_assert(sizeof(HostRecord) == 24 && sizeof(AgentEntry) == 16);

/// Not thread-safe. Each call except visit() takes a few microseconds at any size.
class HostIndex {
 public:
  /// The slot of the host's record, nullptr if there is none. The caller may change the record, or replace it by one of the
  /// same name. Valid until the next insert() or erase().
  HostRecord::Pointer* find(std::string_view name);
  const HostRecord* find(std::string_view name) const;

  /// There must be no record of this name.
  void insert(HostRecord::Pointer record);
  void erase(std::string_view name);
  void clear();
  size_t size() const { return size_; }

  /// Visits the records in order, beginning at the name `from`, until `visit` returns false or `limit` records are visited.
  /// Sets `from` to the name to continue at. False if no record is left.
  bool visit(std::string& from, size_t limit, const std::function<bool(const HostRecord&)>& visit) const;

 private:
  using Block = std::vector<HostRecord::Pointer>;  // never empty
  struct Place {
    size_t block;
    size_t at;
  };
  /// The first record whose name is not less than `name`; the end of the last block if there is none.
  Place lower_bound(std::string_view name) const;
  void merge_with_next(size_t block);

  std::vector<Block> blocks_;
  size_t size_ = 0;
};

}  // namespace ops::meta
