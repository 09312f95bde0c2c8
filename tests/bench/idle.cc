#include <algorithm>
#include <chrono>

#include "common/base/text.h"
#include "tests/bench/bench.h"
#include "tests/fleet/usage.h"
#include "tests/support/tarball.h"
#include "tests/support/text.h"
#include "tests/support/wait.h"

namespace ops::bench {

namespace {

using namespace ops::tests;

constexpr double kSeconds = 30;

}  // namespace

Table measure_idle_updater(const Options& options) {
  const double seconds = std::min(kSeconds, options.steady_seconds);
  announce(cat("an idle updater, ", seconds, " s"));
  const fleet::HostsOptions hosts;
  MetaBox meta;
  std::vector<TestAgent> agents;
  for (size_t i = 0; i < hosts.agents.size(); ++i) {
    meta.publish(hosts.agents[i], hosts.versions[i], demo_agent_tarball());
    agents.push_back({hosts.agents[i], hosts.versions[i]});
  }
  if (!meta.start(agents)) give_up("ops-meta does not start: " + meta.log());
  UpdaterBox updater(meta.address());
  if (!updater.start()) give_up("ops-updater does not start: " + updater.log());
  const auto all_run = [&] {
    for (size_t i = 0; i < agents.size(); ++i) {
      if (!contains(meta.status(agents[i].name), agents[i].version + " started")) return false;
    }
    return !contains(meta.get("/status/host/h1").body, "\"update\"");
  };
  if (!eventually(all_run)) give_up("the agents do not run: " + updater.log());

  const pid_t pid = updater.daemon_pid();
  const fleet::Usage before = fleet::own_usage_of(pid);
  const double scripts_before = fleet::reaped_children_cpu(pid);
  always([] { return !stop_requested; }, std::chrono::milliseconds(static_cast<int64_t>(seconds * 1000)));
  const fleet::Usage after = fleet::own_usage_of(pid);
  const double scripts = fleet::reaped_children_cpu(pid) - scripts_before;
  const auto percent = [&](double cpu) { return fixed(cpu * 100 / seconds, 2) + " %"; };
  return {{"idle updater, 3 agents, interval 1 s: CPU", percent(after.cpu - before.cpu)},
          {"  and of the agents' ./control status", percent(scripts)},
          {"  RSS", fixed(static_cast<double>(after.rss_kb) / 1024, 1) + " MB"}};
}

}  // namespace ops::bench
