#include <cstdlib>
#include <filesystem>
#include <iostream>

#include "common/base/file.h"
#include "common/base/log.h"
#include "common/base/version.h"
#include "common/daemon/daemon.h"
#include "common/http/server.h"
#include "updater/cycle.h"
#include "updater/debug_port.h"
#include "updater/selftest/smoke_test.h"
#include "updater/server_check.h"

namespace {

using namespace ops;

/// Says why the daemon ends where the person will look: in the log, and on stderr for whoever started it.
int fail(const std::string& why) {
  if (log::is_in_file()) log::error(why);
  std::cerr << "ops-updater: " << why << "\n";
  return EXIT_FAILURE;
}

constexpr int kBadConfig = 2;  // as print_config_check says it

std::vector<LongOption> own_flags() {
  std::vector<LongOption> flags = updater::smoke_test_flags();
  flags.push_back({"fetch", "", "with -t: ask each ops-meta whether it answers and takes this host's token, too"});
  return flags;
}

int try_release(const DaemonOptions& options) {
  const auto smoke_test = updater::parse_smoke_test_options(options.own);
  if (smoke_test) return updater::run_smoke_test(*smoke_test);
  std::cerr << "ops-updater: " << smoke_test.error().message << "\n";
  return 2;
}

}  // namespace

int main(int argc, char** argv) {
  const DaemonOptions options = parse_daemon_options(
      argc, argv, "ops-updater", "installs and runs the agents that ops-meta assigns to this host", own_flags());
  restrict_umask();
  if (options.own.contains("try")) return try_release(options);
  if (auto entered = enter_home(argv[0]); !entered) return fail(entered.error().message);
  ConfigReport report;
  updater::Config config = updater::load_config(options.config, report);
  if (options.check_config && report.ok()) updater::check_tls(config, report);
  if (options.check_config && report.ok() && options.own.contains("fetch") && !updater::check_servers(config))
    return kBadConfig;
  if (options.check_config || !report.ok()) return print_config_check(options.config, report);

  const Signals signals;
  const auto home = std::filesystem::current_path();
  for (const auto& path : {home, home / "var", home / options.config}) {
    if (const std::string danger = unsafe_permissions(path); !danger.empty()) return fail(danger);
  }
  const auto pid_file = PidFile::lock("var/app.pid");
  if (!pid_file) return fail(pid_file.error().message);
  if (!options.log_file.empty()) {
    if (auto opened = log::open(options.log_file); !opened) return fail(opened.error().message);
  }
  log::set_debug(config.debug);
  updater::check_tls(config, report);
  for (const std::string& error : report.errors) log::error(options.config, ": ", error);
  for (const std::string& warning : report.warnings) log::warning(options.config, ": ", warning);

  const updater::Layout layout(std::filesystem::current_path());
  updater::Cycle cycle(options.config, config, layout);
  std::unique_ptr<HttpServer> server;
  if (config.http_enabled && !config.http_listen.empty()) {
    HttpServerOptions http;
    http.loops = 1;
    http.max_connections = 64;
    auto listening = HttpServer::listen(*parse_listen_address(config.http_listen), http,
                                        [&](const HttpRequest& request) { return updater::answer(request, cycle); });
    if (!listening) return fail(listening.error().message);
    server = std::move(*listening);
    log::info("the debug port is ", config.http_listen, ", port ", server->port());
  }
  const std::string first = cycle.announce();
  log::info("ops-updater ", version(), " looks after ", updater::hostname_of(config), " in ", layout.root(), ", ", first,
            ", then every ", config.interval.count(), " s");
  if (!config.desired_agent.empty()) log::info("it looks after ", config.desired_agent, " only: desiredAgent in cfg.json");
  if (!options.log_file.empty()) std::cout << first << std::endl;  // ./control start prints it
  if (auto announced = pid_file->announce_ready(); !announced) return fail(announced.error().message);
  cycle.run(signals);
  notify_systemd("STOPPING=1");
  log::info("ops-updater stops, its agents go on");
  return EXIT_SUCCESS;
}
