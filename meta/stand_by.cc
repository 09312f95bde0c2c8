// stand_by() of lead.h.

#include <unistd.h>

#include "common/base/log.h"
#include "meta/api/standby_routes.h"
#include "meta/lead.h"
#include "meta/reports/change_reporter.h"
#include "meta/serve.h"

namespace ops::meta {

namespace {

constexpr std::chrono::hours kPatience{1};  // for signals; nothing else is to do

}  // namespace

RunEnd stand_by(Run& run, const Config& config, Leadership& leadership) {
  TlsServer tls;
  if (auto loaded = tls.load(config.tls); !loaded) return cannot_serve(run, cat("http.tls: ", loaded.error().message));
  if (auto saved = save_leadership(leadership, kLeaderFile); !saved) return cannot_serve(run, saved.error().message);
  Follower follower(run.config_path, config.standby, leadership, &Signals::wake);
  StandbyRoutes routes(config, follower);
  auto server = serve(run, config, tls, nullptr, [&](const HttpRequest& request) { return routes.handle(request); });
  if (!server) return RunEnd::failed;
  for (;;) {
    switch (run.signals.wait(kPatience)) {
      case Signals::Event::stop: announce_stop(); return RunEnd::stopped;
      case Signals::Event::reload:
        log::warning("cfg.json is not reloaded, because this ops-meta stands by: restart it for a change of its own settings");
        break;
      case Signals::Event::wake:
      case Signals::Event::timeout: break;
    }
    if (follower.promotion().state != Promotion::State::done) continue;
    leadership = follower.leadership();
    ::unlink(kSavedConfigFile);  // of the last time that this ops-meta led: what changed since is no change now
    ::unlink(kFollowedFile);     // cfg.json has the same agents
    return RunEnd::changes_role;
  }
}

}  // namespace ops::meta
