// The part of the host table that keeps the updates of hosts.

#include <algorithm>

#include "common/base/text.h"
#include "common/protocol/phase.h"
#include "common/protocol/status.h"
#include "meta/hosts/host_table.h"

namespace ops::meta {

void HostTable::set_updates(HostRecord& record, const std::vector<const AgentUpdate*>& updates, size_t longest_error) {
  if (updates.empty() && !record.updates) return;
  auto fresh = updates.empty() ? nullptr : std::make_unique<std::vector<UpdateEntry>>();
  if (fresh) fresh->reserve(updates.size());
  for (const AgentUpdate* update : updates) {
    const Releases::Id release = releases_.acquire(update->name, update->version);
    const StringInterner::Id phase = statuses_.acquire(update->phase);
    if (!record.is_duplicate) ++releases_.counts(release).in(to_phase(statuses_.text(phase)));
    fresh->push_back({release, static_cast<uint16_t>(phase), false, update->done, update->total, update->attempts,
                      update->since, cut_text(update->error, longest_error)});
  }
  drop_updates(record);
  record.updates = std::move(fresh);
  if (record.updates) count_held(record);
}

void HostTable::count_held(HostRecord& record) {
  for (UpdateEntry& update : *record.updates) {
    if (to_phase(statuses_.text(update.phase)) != Phase::held) continue;
    const auto is_same = [&](const AgentEntry& entry) {
      return releases_.agent(entry.release()) == releases_.agent(update.release) &&
             releases_.version(entry.release()) == releases_.version(update.release) && is_started(entry);
    };
    update.is_held = !record.is_duplicate && std::any_of(record.agents().begin(), record.agents().end(), is_same);
    if (update.is_held) ++releases_.counts(update.release).held;
  }
}

void HostTable::drop_updates(HostRecord& record) {
  if (!record.updates) return;
  for (const UpdateEntry& update : *record.updates) {
    if (!record.is_duplicate) --releases_.counts(update.release).in(to_phase(statuses_.text(update.phase)));
    if (update.is_held) --releases_.counts(update.release).held;
    releases_.release(update.release);
    statuses_.release(update.phase);
  }
}

}  // namespace ops::meta
