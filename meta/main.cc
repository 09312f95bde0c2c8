#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <iostream>

#include "common/base/clock.h"
#include "common/base/file.h"
#include "common/base/log.h"
#include "common/base/number_text.h"
#include "common/base/version.h"
#include "common/daemon/daemon.h"
#include "common/http/server.h"
#include "common/release/control_text.h"
#include "common/release/inspection.h"
#include "common/tls/tls.h"
#include "meta/api/routes.h"
#include "meta/config/publish_location.h"
#include "meta/config/release_check.h"
#include "meta/hosts/host_snapshot.h"
#include "meta/reports/samples_file.h"
#include "meta/rollout/rollout_snapshot.h"

namespace {

using namespace ops;

constexpr int kBadConfig = 2;  // exit code, the same as that of print_config_check()
constexpr auto kRemoveSilentPause = std::chrono::hours(1);
constexpr auto kSaveSamplesPause = std::chrono::minutes(10);

using SinceSave = std::optional<std::chrono::seconds>;  // rollout_snapshot.h

int fail(const std::string& why, int exit_code = EXIT_FAILURE) {
  print_failure("ops-meta", why);
  return exit_code;
}

void warm_up(meta::RolloutController& controller, std::chrono::seconds longest_interval, const std::string& reason) {
  controller.start_warm_up(steady_now(), longest_interval);
  log::warning(reason, "; ops-meta warms up: no host changes its version for ", controller.warm_up_left(steady_now()).count(),
               " s (1.2 times the longest interval), so that each host can report the versions that it runs");
}

/// Call it after load_hosts().
void restore_rollouts(const Result<meta::RolloutSnapshot>& rollouts, SinceSave since_save,
                      std::chrono::seconds longest_interval, meta::HostTable& hosts, meta::RolloutController& controller) {
  if (rollouts) {
    const bool had_hosts = !rollouts->peaks.empty() || !rollouts->leases.empty();
    hosts.set_peaks(rollouts->peaks);
    const int64_t now = std::chrono::system_clock::to_time_t(steady_now());
    controller.restore(meta::leases_at(*rollouts, now, since_save));
    controller.watch().restore(meta::under_way_at(*rollouts, now, since_save));
    if (had_hosts && hosts.size() == 0) warm_up(controller, longest_interval, "the saved host table is lost");
  } else if (::access(meta::kSavedRolloutsFile, F_OK) == 0 || ::access(meta::kRolloutsUnderWay, F_OK) == 0) {
    warm_up(controller, longest_interval, cat("the state of rollouts is lost: ", rollouts.error().message));
  }
}

/// Notes the longest interval of the hosts, for the warm-up after a crash. Removes the saved state, which is outdated from the
/// first heartbeat on. The mark tells the next start after a crash that there was a state.
void mark_rollouts_as_running(uint32_t longest_interval) {
  const std::string text = longest_interval == 0 ? "" : cat(longest_interval, "\n");
  if (auto marked = replace_file(meta::kRolloutsUnderWay, text, 0600); !marked) log::warning(marked.error().message);
  ::unlink(meta::kSavedRolloutsFile);
}

void save_rollouts(const meta::HostTable& hosts, const meta::RolloutController& controller) {
  if (controller.is_warming_up()) return;  // the next start must warm up as well
  const auto rollouts = meta::snapshot_of(hosts, controller, std::chrono::system_clock::now(), boot_time());
  const auto saved = meta::save_rollouts(rollouts, meta::kSavedRolloutsFile);
  if (!saved) return log::error("the state of rollouts is not saved: ", saved.error().message);
  ::unlink(meta::kRolloutsUnderWay);
}

void load_hosts(meta::HostTable& hosts, SinceSave since_save) {
  const auto now = steady_now();
  const auto loaded = meta::load_hosts(hosts, meta::kSavedHostsFile, now, since_save);
  if (!loaded) return log::warning(loaded.error().message);
  hosts.remove_silent(now);
  if (*loaded > 0) log::info("read ", counted(*loaded, "host"), " from ", meta::kSavedHostsFile);
}

/// Reads var/, before the first heartbeat. Returns the longest interval of the hosts, in seconds; 0 if it is not known.
uint32_t load_state(meta::HostTable& hosts, meta::Routes& routes) {
  meta::RolloutController& controller = routes.controller();
  const auto rollouts = meta::load_rollouts(meta::kSavedRolloutsFile);
  const SinceSave since_save = rollouts ? meta::since_save(*rollouts, boot_time()) : std::nullopt;
  load_hosts(hosts, since_save);
  routes.sampler().load(meta::kSavedSamplesFile, steady_now(), since_save);
  const std::chrono::seconds marked = meta::longest_interval_in(meta::kRolloutsUnderWay);
  const std::chrono::seconds saved(std::max<int64_t>(rollouts ? rollouts->longest_interval : 0, hosts.longest_interval()));
  restore_rollouts(rollouts, since_save, std::max(marked, saved), hosts, controller);
  const auto longest_interval = static_cast<uint32_t>(std::max(marked, saved).count());
  mark_rollouts_as_running(longest_interval);
  return longest_interval;
}

void save_hosts(const meta::HostTable& hosts) {
  const auto saved = meta::save_hosts(hosts, meta::kSavedHostsFile, steady_now(), std::chrono::system_clock::now());
  if (!saved) return log::error("the host table is not saved: ", saved.error().message);
  log::info("wrote ", counted(*saved, "host"), " to ", meta::kSavedHostsFile);
}

/// For ./control publish: prints on stderr the reason why hosts would refuse the release, or warnings about its content.
int check_release(const std::string& tarball) {
  ReleaseFindings findings;
  if (const auto refused = inspect_release(tarball, {}, {}, findings)) {
    std::cerr << refused->error.within(std::filesystem::path(tarball).filename().string()).message << "\n";
    return EXIT_FAILURE;
  }
  if (const std::string program = missing_interpreter(findings.control); !program.empty()) {
    findings.warnings.push_back(
        cat("the first line of control names ", program, ", which this machine does not have; hosts need it"));
  }
  for (const std::string& warning : findings.warnings) std::cerr << "warning: " << warning << "\n";
  return EXIT_SUCCESS;
}

std::string own_option(const DaemonOptions& options, const char* name) {
  const auto given = options.own.find(name);
  return given == options.own.end() ? "" : given->second;
}

/// For ./control publish, which cannot read JSON. Prints four lines: tarballDir, the folder of the tarball, the folder of the
/// .md5 file, and "published" when hosts download from this ops-meta, or else "written". With --release, prints the next steps
/// instead.
int print_publish_location(const meta::Config& config, const DaemonOptions& options) {
  const meta::PublishedRelease release{own_option(options, "place-of"), own_option(options, "release"),
                                       own_option(options, "arch"), own_option(options, "md5"), options.own.contains("signed")};
  const auto location = meta::publish_location_of(config, release.agent, release.arch);
  if (!location) return fail(location.error().message);
  if (!release.version.empty()) {
    std::cout << meta::next_steps(config, *location, release);
    return EXIT_SUCCESS;
  }
  std::cout << std::filesystem::absolute(config.tarball_dir).string() << "\n"
            << location->folder << "\n"
            << location->checksum_folder << "\n"
            << (location->is_here ? "published" : "written") << "\n";
  return EXIT_SUCCESS;
}

}  // namespace

int main(int argc, char** argv) {
  ignore_system_openssl_config();
  const DaemonOptions options = parse_daemon_options(
      argc, argv, "ops-meta", "assigns agents to hosts and serves their releases",
      {{"fetch", "", "with -t: also check with curl that the tarballs, checksums and signatures can be downloaded"},
       {"check-release", "TARBALL", "check whether hosts would accept this release, and exit with 0 (yes) or 1 (no)"},
       {"place-of", "AGENT",
        "for ./control publish: print the folders for the agent's releases; with --release, print the next steps"},
       {"release", "VERSION", "with --place-of: the version to publish"},
       {"arch", "ARCH", "with --place-of: amd64 or arm64, the value of {arch} in the URL"},
       {"md5", "MD5", "with --release: the checksum of the tarball"},
       {"signed", "", "with --release: the release has a .minisig file"}});
  if (options.own.contains("check-release")) return check_release(options.own.at("check-release"));
  if (auto entered = enter_home(options, argv[0]); !entered) return fail(entered.error().message);
  ConfigReport report;
  meta::Config config = meta::load_config(options.config, report);
  if (options.check_config && report.ok() && options.own.contains("fetch") && !meta::check_releases(config)) return kBadConfig;
  if (options.check_config || !report.ok()) return print_config_check(options.config, report);
  if (options.own.contains("place-of")) return print_publish_location(config, options);

  keep_memory_flat();
  restrict_umask();
  const Signals signals;
  const auto pid_file = PidFile::lock("var/app.pid");
  if (!pid_file) return fail(pid_file.error().message);
  if (!options.log_file.empty()) {
    if (auto opened = log::open(options.log_file); !opened) return fail(opened.error().message);
  }
  log::set_debug(config.debug);
  for (const std::string& warning : report.warnings) log::warning(options.config, ": ", warning);

  meta::HostTable hosts(config.max_hosts);
  TlsServer tls;
  if (auto loaded = tls.load(config.tls); !loaded) return fail(cat("http.tls: ", loaded.error().message), kBadConfig);
  meta::Routes routes(options.config, config, hosts, meta::kOrdersFile, &tls);
  routes.load_orders();
  routes.events().set_wake(&Signals::wake);
  routes.events().keep_in(meta::kEventsFile);
  routes.controller().history().restore();
  uint32_t longest_interval = load_state(hosts, routes);
  routes.changes().set_wake(&Signals::wake);
  if (routes.changes().keep_in(meta::kSavedConfigFile, routes.assignments(), steady_now())) {
    routes.controller().history().forget_ended();
  }
  std::unique_ptr<HttpServer> server;
  if (config.http_enabled && !config.http_listen.empty()) {
    HttpServerOptions http;
    http.max_connections = config.max_connections;
    http.keep_alive = config.keep_alive;
    http.owner_socket = "var/app.sock";
    http.counters = &routes.http_counters();
    http.tls = &tls;
    auto listening = HttpServer::listen(*parse_listen_address(config.http_listen), http,
                                        [&](const HttpRequest& request) { return routes.handle(request); });
    if (!listening) {
      save_rollouts(hosts, routes.controller());
      return fail(cat(options.config, ": http.listen: ", listening.error().message), kBadConfig);
    }
    server = std::move(*listening);
    log::info("ops-meta ", version(), " serves on ", config.http_listen, ", port ", server->port());
  }
  if (auto announced = pid_file->announce_ready(); !announced) return fail(announced.error().message);

  routes.tick(steady_now());
  auto tick_at = std::chrono::steady_clock::now() + meta::RolloutReporter::kTick;
  auto save_samples_at = std::chrono::steady_clock::now() + kSaveSamplesPause;
  auto remove_silent_at = std::chrono::steady_clock::now() + kRemoveSilentPause;
  for (;;) {
    // Events must not postpone the tick.
    const auto patience = std::chrono::ceil<std::chrono::milliseconds>(tick_at - std::chrono::steady_clock::now());
    switch (signals.wait(std::max(patience, std::chrono::milliseconds(0)))) {
      case Signals::Event::stop:
        notify_systemd("STOPPING=1");
        log::info("ops-meta stops");
        server.reset();
        save_hosts(hosts);
        save_rollouts(hosts, routes.controller());
        routes.sampler().save(meta::kSavedSamplesFile, steady_now());
        routes.events().flush();
        return EXIT_SUCCESS;
      case Signals::Event::reload:
        (void)routes.reload();  // logs its errors
        break;
      case Signals::Event::wake: routes.changes().report(); break;
      case Signals::Event::timeout: break;
    }
    if (std::chrono::steady_clock::now() >= tick_at) {
      tick_at = std::chrono::steady_clock::now() + meta::RolloutReporter::kTick;
      routes.tick(steady_now());
    }
    routes.events().flush();
    if (hosts.longest_interval() > longest_interval) {
      longest_interval = hosts.longest_interval();
      mark_rollouts_as_running(longest_interval);
    }
    if (std::chrono::steady_clock::now() >= save_samples_at) {
      save_samples_at += kSaveSamplesPause;
      routes.sampler().save(meta::kSavedSamplesFile, steady_now());
    }
    if (std::chrono::steady_clock::now() < remove_silent_at) continue;
    remove_silent_at += kRemoveSilentPause;
    const size_t removed = hosts.remove_silent(steady_now());
    if (removed > 0) log::info("removed ", counted(removed, "host"), " without a heartbeat for 3 days");
  }
}
