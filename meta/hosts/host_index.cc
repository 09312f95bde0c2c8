#include "meta/hosts/host_index.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>

namespace ops::meta {

namespace {

constexpr size_t kBlockSize = 256;

size_t offset_of_agents(size_t name_size) {
  constexpr size_t kAlign = alignof(AgentEntry);
  return (sizeof(HostRecord) + 1 + name_size + kAlign - 1) / kAlign * kAlign;
}

}  // namespace

size_t HostRecord::size_of(size_t name_size, size_t agent_count) {
  return offset_of_agents(name_size) + agent_count * sizeof(AgentEntry);
}

HostRecord::Pointer HostRecord::make(std::string_view name, size_t agent_count) {
  auto* memory = static_cast<char*>(::operator new(size_of(name.size(), agent_count)));
  Pointer record(new (memory) HostRecord(static_cast<uint16_t>(agent_count)));
  char* at = memory + sizeof(HostRecord);
  *at = static_cast<char>(name.size());
  std::memcpy(at + 1, name.data(), name.size());
  at = memory + offset_of_agents(name.size());
  for (size_t i = 0; i < agent_count; ++i, at += sizeof(AgentEntry)) new (at) AgentEntry;
  return record;
}

std::span<AgentEntry> HostRecord::agents() {
  auto* at = reinterpret_cast<char*>(this) + offset_of_agents(name().size());
  return {reinterpret_cast<AgentEntry*>(at), agent_count_};
}

void HostRecord::Delete::operator()(HostRecord* record) const {
  record->~HostRecord();
  ::operator delete(record);
}

namespace {

/// Prefetches the records that the next steps of a binary search may read.
void prefetch(std::span<const HostRecord::Pointer> records, int steps) {
  if (steps == 0 || records.empty()) return;
  const size_t middle = records.size() / 2;
  __builtin_prefetch(records[middle].get());
  prefetch(records.first(middle), steps - 1);
  prefetch(records.subspan(middle + 1), steps - 1);
}

/// A binary search. The names of a million hosts do not fit into the CPU cache; prefetching three steps halves its time.
size_t first_not_before(std::span<const HostRecord::Pointer> records, std::string_view name) {
  constexpr int kSteps = 3;
  size_t begin = 0;
  size_t end = records.size();
  for (int step = 0; begin < end; ++step) {
    if (step % kSteps == 0) prefetch(records.subspan(begin, end - begin), kSteps);
    const size_t middle = begin + (end - begin) / 2;
    if (records[middle]->name() < name) {
      begin = middle + 1;
    } else {
      end = middle;
    }
  }
  return begin;
}

}  // namespace

HostIndex::Place HostIndex::lower_bound(std::string_view name) const {
  const auto is_behind = [&](std::string_view wanted, const Block& block) { return wanted < block.front()->name(); };
  auto block = std::upper_bound(blocks_.begin(), blocks_.end(), name, is_behind);
  if (block != blocks_.begin()) --block;
  if (block == blocks_.end()) return {0, 0};
  return {static_cast<size_t>(block - blocks_.begin()), first_not_before(*block, name)};
}

const HostRecord* HostIndex::find(std::string_view name) const {
  auto* found = const_cast<HostIndex*>(this)->find(name);
  return found == nullptr ? nullptr : found->get();
}

HostRecord::Pointer* HostIndex::find(std::string_view name) {
  if (blocks_.empty()) return nullptr;
  const auto [block, at] = lower_bound(name);
  if (at == blocks_[block].size() || blocks_[block][at]->name() != name) return nullptr;
  return &blocks_[block][at];
}

void HostIndex::insert(HostRecord::Pointer record) {
  auto [block, at] = lower_bound(record->name());
  const auto add_block = [this](size_t before) {
    Block fresh;
    fresh.reserve(kBlockSize);
    return blocks_.insert(blocks_.begin() + static_cast<ptrdiff_t>(before), std::move(fresh));
  };
  if (blocks_.empty()) add_block(0);
  if (blocks_[block].size() == kBlockSize) {
    // Hosts inserted in order, as from a snapshot, fill the blocks: then only the new record moves to the next block.
    const size_t kept = at == kBlockSize ? kBlockSize : kBlockSize / 2;
    const auto upper = add_block(block + 1);
    Block& lower = blocks_[block];
    const auto middle = lower.begin() + static_cast<ptrdiff_t>(kept);
    upper->insert(upper->end(), std::make_move_iterator(middle), std::make_move_iterator(lower.end()));
    lower.erase(middle, lower.end());
    if (at > kept || kept == kBlockSize) {
      ++block;
      at -= kept;
    }
  }
  blocks_[block].insert(blocks_[block].begin() + static_cast<ptrdiff_t>(at), std::move(record));
  ++size_;
}

void HostIndex::erase(std::string_view name) {
  if (find(name) == nullptr) return;
  const auto [block, at] = lower_bound(name);
  blocks_[block].erase(blocks_[block].begin() + static_cast<ptrdiff_t>(at));
  --size_;
  if (blocks_[block].empty()) {
    blocks_.erase(blocks_.begin() + static_cast<ptrdiff_t>(block));
  } else {
    merge_with_next(block);
  }
}

/// Merges small blocks, so that few are nearly empty after most hosts were removed.
void HostIndex::merge_with_next(size_t block) {
  if (block + 1 == blocks_.size()) return;
  Block& here = blocks_[block];
  Block& next = blocks_[block + 1];
  if (here.size() + next.size() > kBlockSize / 2) return;
  here.insert(here.end(), std::make_move_iterator(next.begin()), std::make_move_iterator(next.end()));
  blocks_.erase(blocks_.begin() + static_cast<ptrdiff_t>(block) + 1);
}

void HostIndex::clear() {
  blocks_.clear();
  size_ = 0;
}

bool HostIndex::visit(std::string& from, size_t limit, const std::function<bool(const HostRecord&)>& visit) const {
  if (blocks_.empty()) return false;
  auto [block, at] = lower_bound(from);
  const HostRecord* last = nullptr;
  bool goes_on = true;
  for (; block < blocks_.size(); ++block, at = 0) {
    for (; at < blocks_[block].size(); ++at) {
      if (limit-- == 0 || !goes_on) {
        if (last != nullptr) from.assign(last->name()).push_back('\0');  // the least name after it
        return true;
      }
      last = blocks_[block][at].get();
      goes_on = visit(*last);
    }
  }
  return false;
}

}  // namespace ops::meta
