#include "meta/lead.h"

#include <unistd.h>

#include <algorithm>
#include <ctime>
#include <optional>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/number_text.h"
#include "common/base/version.h"
#include "common/http/server.h"
#include "common/tls/tls.h"
#include "meta/api/leader_desk.h"
#include "meta/api/routes.h"
#include "meta/reports/samples_file.h"
#include "meta/saved_state.h"
#include "meta/serve.h"
#include "meta/standby/followed_state.h"

namespace ops::meta {

namespace {

using Clock = std::chrono::steady_clock;

constexpr auto kRemoveSilentPause = std::chrono::hours(1);
constexpr auto kSaveSamplesPause = std::chrono::minutes(10);
constexpr auto kLastReplies = std::chrono::seconds(2);  // from the step down to the end of serving

void prepare(Routes& routes) {
  routes.load_orders();
  routes.events().set_wake(&Signals::wake);
  routes.events().keep_in(kEventsFile);
  routes.controller().history().restore();
}

/// After the first change of the config since the last run.
void note_change(Routes& routes) {
  routes.changes().set_wake(&Signals::wake);
  if (routes.changes().keep_in(kSavedConfigFile, routes.assignments(), steady_now())) {
    routes.controller().history().forget_ended();
  }
}

/// For stand_by(): the last leader that this ops-meta knows is itself.
void save_own_config(const Config& config, int64_t generation) {
  const auto saved = save_followed({generation, std::time(nullptr), assignments_json(config)}, kFollowedFile);
  if (!saved) log::error(saved.error().message);
}

std::chrono::milliseconds left_until(Clock::time_point time) {
  return std::max(std::chrono::ceil<std::chrono::milliseconds>(time - Clock::now()), std::chrono::milliseconds(0));
}

/// The work of the main thread between signals.
class Upkeep {
 public:
  Upkeep(Routes& routes, HostTable& hosts, uint32_t longest_interval)
      : routes_(routes), hosts_(hosts), longest_interval_(longest_interval) {
    routes_.tick(steady_now());
  }

  std::chrono::milliseconds left() const { return left_until(tick_at_); }

  void work() {
    if (Clock::now() >= tick_at_) {
      tick_at_ = Clock::now() + RolloutReporter::kTick;
      routes_.tick(steady_now());
    }
    routes_.events().flush();
    if (hosts_.longest_interval() > longest_interval_) {
      longest_interval_ = hosts_.longest_interval();
      mark_rollouts_as_running(longest_interval_);
    }
    if (Clock::now() >= save_samples_at_) {
      save_samples_at_ += kSaveSamplesPause;
      routes_.sampler().save(kSavedSamplesFile, steady_now());
    }
    if (Clock::now() < remove_silent_at_) return;
    remove_silent_at_ += kRemoveSilentPause;
    const size_t removed = hosts_.remove_silent(steady_now());
    if (removed > 0) log::info("removed ", counted(removed, "host"), " without a heartbeat for 3 days");
  }

 private:
  Routes& routes_;
  HostTable& hosts_;
  uint32_t longest_interval_;
  Clock::time_point tick_at_ = Clock::now() + RolloutReporter::kTick;
  Clock::time_point save_samples_at_ = Clock::now() + kSaveSamplesPause;
  Clock::time_point remove_silent_at_ = Clock::now() + kRemoveSilentPause;
};

}  // namespace

RunEnd lead(Run& run, const Config& config, Leadership& leadership) {
  HostTable hosts(config.max_hosts);
  TlsServer tls;
  if (auto loaded = tls.load(config.tls); !loaded) return cannot_serve(run, cat("http.tls: ", loaded.error().message));
  Routes routes(run.config_path, config, hosts, kOrdersFile, &tls);
  prepare(routes);
  const uint32_t longest_interval = load_state(hosts, routes);
  if (leadership.warms_up) {
    warm_up(routes.controller(), std::chrono::seconds(longest_interval), "this ops-meta leads by a promotion");
  } else {
    forget_saved_rollouts();
  }
  note_change(routes);
  LeaderDesk desk(routes, hosts, config.standby, leadership, &Signals::wake);
  auto server =
      serve(run, config, tls, &routes.http_counters(), [&](const HttpRequest& request) { return desk.handle(request); });
  if (!server) {
    save_rollouts(hosts, routes.controller());
    return RunEnd::failed;
  }
  std::optional<Clock::time_point> end;  // after the step down
  Upkeep upkeep(routes, hosts, longest_interval);
  for (;;) {
    const auto left = end ? std::min(upkeep.left(), left_until(*end)) : upkeep.left();
    const auto event = run.signals.wait(left);  // events must not postpone the tick
    if (event == Signals::Event::stop || (end && Clock::now() >= *end)) {
      if (event == Signals::Event::stop) announce_stop();
      server->reset();
      save_hosts(hosts);
      save_rollouts(hosts, routes.controller());
      routes.sampler().save(kSavedSamplesFile, steady_now());
      routes.events().flush();
      if (event == Signals::Event::stop) return RunEnd::stopped;
      save_own_config(*routes.config(), leadership.generation);
      leadership = {false, leadership.generation, false};
      return RunEnd::changes_role;
    }
    if (event == Signals::Event::reload && !end) (void)routes.reload();  // logs its errors
    if (event == Signals::Event::wake) routes.changes().report();
    if (desk.has_stepped_down() && !end) end = Clock::now() + kLastReplies;
    if (leadership.warms_up && !routes.controller().is_warming_up()) {
      // Until now the saved rollouts stayed in var/: a restart in the warm-up begins with them again.
      leadership.warms_up = false;
      desk.end_warm_up();
      forget_saved_rollouts();
    }
    upkeep.work();
  }
}

}  // namespace ops::meta
