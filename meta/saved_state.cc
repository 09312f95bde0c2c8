#include "meta/saved_state.h"

#include <unistd.h>

#include <algorithm>
#include <optional>

#include "common/base/clock.h"
#include "common/base/file.h"
#include "common/base/log.h"
#include "common/base/number_text.h"
#include "meta/hosts/host_snapshot.h"
#include "meta/reports/samples_file.h"
#include "meta/rollout/rollout_snapshot.h"

namespace ops::meta {

void warm_up(RolloutController& controller, std::chrono::seconds longest_interval, const std::string& reason) {
  controller.start_warm_up(steady_now(), longest_interval);
  log::warning(reason, "; ops-meta warms up: no host changes its version for ", controller.warm_up_left(steady_now()).count(),
               " s (1.2 times the longest interval), so that each host can report the versions that it runs");
}

namespace {

using SinceSave = std::optional<std::chrono::seconds>;  // rollout_snapshot.h

/// Call it after load_hosts().
void restore_rollouts(const Result<RolloutSnapshot>& rollouts, SinceSave since_save, std::chrono::seconds longest_interval,
                      HostTable& hosts, RolloutController& controller) {
  if (rollouts) {
    const bool had_hosts = !rollouts->peaks.empty() || !rollouts->leases.empty();
    hosts.set_peaks(rollouts->peaks);
    const int64_t now = std::chrono::system_clock::to_time_t(steady_now());
    controller.restore(leases_at(*rollouts, now, since_save));
    controller.watch().restore(under_way_at(*rollouts, now, since_save));
    if (had_hosts && hosts.size() == 0) warm_up(controller, longest_interval, "the saved host table is lost");
  } else if (::access(kSavedRolloutsFile, F_OK) == 0 || ::access(kRolloutsUnderWay, F_OK) == 0) {
    warm_up(controller, longest_interval, cat("the state of rollouts is lost: ", rollouts.error().message));
  }
}

void load_hosts(HostTable& hosts, SinceSave since_save) {
  const auto now = steady_now();
  const auto loaded = load_hosts(hosts, kSavedHostsFile, now, since_save);
  if (!loaded) return log::warning(loaded.error().message);
  hosts.remove_silent(now);
  if (*loaded > 0) log::info("read ", counted(*loaded, "host"), " from ", kSavedHostsFile);
}

}  // namespace

void mark_rollouts_as_running(uint32_t longest_interval) {
  const std::string text = longest_interval == 0 ? "" : cat(longest_interval, "\n");
  if (auto marked = replace_file(kRolloutsUnderWay, text, 0600); !marked) log::warning(marked.error().message);
}

void forget_saved_rollouts() { ::unlink(kSavedRolloutsFile); }

void save_rollouts(const HostTable& hosts, const RolloutController& controller) {
  if (controller.is_warming_up()) return;
  const auto rollouts = snapshot_of(hosts, controller, std::chrono::system_clock::now(), boot_time());
  const auto saved = save_rollouts(rollouts, std::string(kSavedRolloutsFile));
  if (!saved) return log::error("the state of rollouts is not saved: ", saved.error().message);
  ::unlink(kRolloutsUnderWay);
}

uint32_t load_state(HostTable& hosts, Routes& routes) {
  RolloutController& controller = routes.controller();
  const auto rollouts = load_rollouts(kSavedRolloutsFile);
  const SinceSave since_save = rollouts ? meta::since_save(*rollouts, boot_time()) : std::nullopt;
  load_hosts(hosts, since_save);
  routes.sampler().load(kSavedSamplesFile, steady_now(), since_save);
  const std::chrono::seconds marked = longest_interval_in(kRolloutsUnderWay);
  const std::chrono::seconds saved(std::max<int64_t>(rollouts ? rollouts->longest_interval : 0, hosts.longest_interval()));
  restore_rollouts(rollouts, since_save, std::max(marked, saved), hosts, controller);
  const auto longest_interval = static_cast<uint32_t>(std::max(marked, saved).count());
  mark_rollouts_as_running(longest_interval);
  return longest_interval;
}

void save_hosts(const HostTable& hosts) {
  const auto saved = save_hosts(hosts, kSavedHostsFile, steady_now(), std::chrono::system_clock::now());
  if (!saved) return log::error("the host table is not saved: ", saved.error().message);
  log::info("wrote ", counted(*saved, "host"), " to ", kSavedHostsFile);
}

}  // namespace ops::meta
