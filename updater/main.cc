#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <system_error>
#include <thread>

#include "common/base/file.h"
#include "common/base/log.h"
#include "common/base/version.h"
#include "common/daemon/daemon.h"
#include "common/http/server.h"
#include "common/tls/tls.h"
#include "updater/debug_port.h"
#include "updater/main_loop.h"
#include "updater/process/subreaper.h"
#include "updater/selftest/smoke_test.h"
#include "updater/server_check.h"

namespace {

using namespace ops;

int fail(const std::string& why) {
  print_failure("ops-updater", why);
  return EXIT_FAILURE;
}

constexpr int kBadConfig = 2;  // the exit code of print_config_check

std::vector<LongOption> long_options() {
  std::vector<LongOption> flags = updater::smoke_test_flags();
  flags.push_back({"fetch", "", "with -t: also check that each ops-meta answers and accepts this host's token"});
  return flags;
}

int try_release(const DaemonOptions& options) {
  const auto smoke_test = updater::parse_smoke_test_options(options.own);
  if (smoke_test) return updater::run_smoke_test(*smoke_test);
  std::cerr << "ops-updater: " << smoke_test.error().message << "\n";
  return 2;
}

// Less than ./control stop waits.
constexpr auto kStopPatience = std::chrono::seconds(7);

/// Ends the process after this time, unless it has ended before: a thread may wait for a file system that hangs. When the log
/// hangs too, SIGALRM ends it.
void end_after(std::chrono::seconds patience) {
  ::alarm(static_cast<unsigned>(patience.count()) + 1);
  try {
    std::thread([patience] {
      std::this_thread::sleep_for(patience);
      log::warning("ops-updater stops while a thread still works: a file system below its folder may hang");
      std::_Exit(EXIT_SUCCESS);
    }).detach();
  } catch (const std::system_error&) {
    return;  // the host lacks threads
  }
}

/// The daemon, from its first signal to its exit code.
int run_daemon(const DaemonOptions& options, const updater::Config& config, ConfigReport report) {
  const Signals signals;
  const auto home = std::filesystem::current_path();
  for (const auto& path : {home, home / "var", home / options.config}) {
    if (const std::string danger = unsafe_path(path); !danger.empty()) return fail(danger);
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
  updater::MainLoop loop(options.config, config, layout);
  std::unique_ptr<HttpServer> server;
  if (config.http_enabled && !config.http_listen.empty()) {
    HttpServerOptions http;
    http.loops = 1;
    http.max_connections = 64;
    auto listening = HttpServer::listen(*parse_listen_address(config.http_listen), http,
                                        [&](const HttpRequest& request) { return updater::answer(request, loop); });
    if (!listening) return fail(listening.error().message);
    server = std::move(*listening);
    log::info("the debug port listens on ", config.http_listen, ", port ", server->port());
  }
  const std::string first = loop.announce();
  log::info("ops-updater ", version(), " manages the agents of ", updater::hostname_of(config), " in ", layout.root(), "; it ",
            first, ", then every ", config.interval.count(), " s");
  if (!config.desired_agent.empty())
    log::info("ops-updater manages ", config.desired_agent, " only, because of desiredAgent in cfg.json");
  if (!options.log_file.empty()) std::cout << first << std::endl;  // ./control start prints it
  if (auto announced = pid_file->announce_ready(); !announced) return fail(announced.error().message);
  loop.run(signals);
  end_after(kStopPatience);
  notify_systemd("STOPPING=1");
  log::info("ops-updater stops; its agents keep running");
  return EXIT_SUCCESS;
}

}  // namespace

int main(int argc, char** argv) {
  ignore_system_openssl_config();
  const DaemonOptions options = parse_daemon_options(
      argc, argv, "ops-updater", "installs and runs the agents that ops-meta assigns to this host", long_options());
  restrict_umask();
  if (options.own.contains("try")) return try_release(options);
  if (auto entered = enter_home(options, argv[0]); !entered) return fail(entered.error().message);
  ConfigReport report;
  const updater::Config config = updater::load_config(options.config, report);
  if (options.check_config && report.ok()) updater::check_tls(config, report);
  if (options.check_config && report.ok() && options.own.contains("fetch") && !updater::check_servers(config))
    return kBadConfig;
  if (options.check_config || !report.ok()) return print_config_check(options.config, report);
  const auto daemon = [&] { return run_daemon(options, config, report); };
  return updater::adopts_orphans() ? updater::run_below_reaper(daemon) : daemon();
}
