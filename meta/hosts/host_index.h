#pragma once

// The hosts' records, sorted by name. A record is one flat block of memory:
//
//   HostRecord (16 bytes) | the name's size, 1 byte | the name, up to a multiple of 8 | AgentEntry x agents (16 bytes each)
//
// 96 bytes as malloc counts them, for a name of 20 bytes and three agents. The name stands first, as most of what is read of
// records are the names that a search passes. Hosts that report updates have a second block.
// Whatever each host and agent must have later goes into AgentEntry (a version and a time are 8 bytes), what few have beside
// `updates`.
//
// The index is a vector of sorted blocks: an insertion moves a part of one block, and once in a while splits it. A hash table
// would find a host a little faster, but pauses to grow and can't be listed in order; a std::map takes 60 bytes a host more.

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ops::meta {

struct AgentEntry {
  int64_t timestamp = 0;
  uint32_t release = 0;  // Releases::kNone until it is set
  uint16_t status = 0;
};

struct UpdateEntry {
  uint32_t release = 0;
  uint16_t phase = 0;
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

  /// `name` has 255 bytes at most.
  static Pointer make(std::string_view name, size_t agent_count);

  /// What such a record takes, in bytes.
  static size_t size_of(size_t name_size, size_t agent_count);

  std::string_view name() const {
    const auto* size = reinterpret_cast<const char*>(this + 1);
    return {size + 1, static_cast<unsigned char>(*size)};
  }
  std::span<AgentEntry> agents();
  std::span<const AgentEntry> agents() const { return const_cast<HostRecord*>(this)->agents(); }

  std::unique_ptr<std::vector<UpdateEntry>> updates;  // null when there are none
  uint32_t heard_at = 0;                              // seconds since 1970
  uint16_t software = 0;

 private:
  explicit HostRecord(uint16_t agent_count) : agent_count_(agent_count) {}
  uint16_t agent_count_;
};
static_assert(sizeof(HostRecord) == 16 && sizeof(AgentEntry) == 16);

/// Not synchronised. Each call but visit takes a few microseconds, whatever the size.
class HostIndex {
 public:
  /// Where the host's record stands, to be changed or replaced by one of the same name; nullptr when there is none. Valid
  /// until the next insert or erase.
  HostRecord::Pointer* find(std::string_view name);
  const HostRecord* find(std::string_view name) const;

  /// There must be no record of that name.
  void insert(HostRecord::Pointer record);
  void erase(std::string_view name);
  void clear();
  size_t size() const { return size_; }

  /// Calls `visit` for the records from the name `from` on, in order, until it returns false or `limit` were visited. Sets
  /// `from` to where to go on; false when there is nothing more.
  bool visit(std::string& from, size_t limit, const std::function<bool(const HostRecord&)>& visit) const;

 private:
  using Block = std::vector<HostRecord::Pointer>;  // never empty
  struct Place {
    size_t block;
    size_t at;
  };
  /// The first record whose name is not before `name`; in the last block, or at its end, when there is none.
  Place lower_bound(std::string_view name) const;
  void merge_with_next(size_t block);

  std::vector<Block> blocks_;
  size_t size_ = 0;
};

}  // namespace ops::meta
