#include "meta/reports/rollout_result.h"

#include <cmath>

#include "common/base/json_writer.h"

namespace ops::meta {

namespace {

/// Sums over the watched releases.
struct Totals {
  uint64_t assigned = 0;
  uint64_t running = 0;
  uint64_t failed = 0;
  uint64_t absent = 0;
  uint64_t held = 0;
  uint64_t to_go = 0;
  bool is_halted = false;
  double max_failure_rate = 0;  // percent
};

Totals totals_of(const FleetSummary& summary, const WatchedRollout& watched) {
  Totals totals;
  for (const ReleaseSummary& release : summary.releases) {
    if (!watched.includes(release) || release.scan.assigned == 0) continue;
    totals.assigned += release.scan.assigned;
    totals.running += release.state.reports.running;
    totals.failed += release.state.failed();
    totals.absent += release.scan.absent;
    totals.held += release.scan.held;
    totals.to_go += release.to_go();
    totals.is_halted = totals.is_halted || release.state.is_halted;
  }
  if (const AgentConfig* agent = find_agent(*summary.scan->assignments->config(), watched.agent)) {
    totals.max_failure_rate = agent->rollout.max_failure_rate;
  }
  return totals;
}

}  // namespace

std::string_view name_of(RolloutResult result) {
  switch (result) {
    case RolloutResult::unassigned: return "unassigned";
    case RolloutResult::halted: return "halted";
    case RolloutResult::done: return "done";
    case RolloutResult::failed: return "failed";
    case RolloutResult::running: return "running";
  }
  return "";
}

RolloutResult result_of(const FleetSummary& summary, const WatchedRollout& watched) {
  const Totals all = totals_of(summary, watched);
  if (all.assigned == 0) return RolloutResult::unassigned;
  if (all.is_halted) return RolloutResult::halted;
  if (watched.share) {
    const auto needed = static_cast<uint64_t>(std::ceil(static_cast<double>(all.assigned) * *watched.share / 100));
    if (all.running >= needed) return RolloutResult::done;
    if (all.failed > all.assigned - needed && all.to_go == 0) return RolloutResult::failed;
  }
  if (all.to_go > 0 || all.running + all.failed + all.absent + all.held < all.assigned) return RolloutResult::running;
  const auto failed = static_cast<double>(all.failed);
  if (100 * failed > all.max_failure_rate * (failed + static_cast<double>(all.running))) return RolloutResult::failed;
  return !watched.share && all.running > 0 ? RolloutResult::done : RolloutResult::running;
}

std::string to_text(const FleetSummary& summary, const WatchedRollout& watched) {
  const RolloutResult result = result_of(summary, watched);
  std::string text = cat(name_of(result), "\n");
  if (result == RolloutResult::unassigned) {
    return text + cat(watched.agent, watched.version.empty() ? "" : " ", watched.version, " is assigned to no known host\n");
  }
  FleetSummary only = summary;
  only.change.reset();
  std::erase_if(only.releases, [&](const ReleaseSummary& release) { return !watched.includes(release); });
  const std::string lines = to_text(only, Bars::no);
  return text + lines.substr(lines.find('\n') + 1);  // without the line about the whole fleet
}

std::string to_json(const FleetSummary& summary, const WatchedRollout& watched) {
  std::string json = "{";
  append_json_member(json, "agent", watched.agent);
  append_json_member(json, "state", name_of(result_of(summary, watched)));
  json += R"(,"rollouts":{)";
  for (const ReleaseSummary& release : summary.releases) {
    if (!watched.includes(release)) continue;
    if (!json.ends_with('{')) json += ',';
    append_json_key(json, release.version);
    json += to_json(release);
  }
  return json += "}}";
}

}  // namespace ops::meta
