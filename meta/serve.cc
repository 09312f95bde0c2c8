#include "meta/serve.h"

#include <cstdlib>

#include "common/base/log.h"
#include "common/base/version.h"

namespace ops::meta {

RunEnd cannot_serve(Run& run, const std::string& why) {
  constexpr int kBadConfig = 2;  // the same as that of print_config_check()
  print_failure("ops-meta", why);
  run.exit_code = kBadConfig;
  return RunEnd::failed;
}

void announce_stop() {
  notify_systemd("STOPPING=1");
  log::info("ops-meta stops");
}

std::optional<std::unique_ptr<HttpServer>> serve(Run& run, const Config& config, const TlsServer& tls, HttpCounters* counters,
                                                 HttpHandler handler) {
  std::unique_ptr<HttpServer> server;
  if (config.http_enabled && !config.http_listen.empty()) {
    HttpServerOptions http;
    http.max_connections = config.max_connections;
    http.keep_alive = config.keep_alive;
    http.owner_socket = "var/app.sock";
    http.counters = counters;
    http.tls = &tls;
    auto listening = HttpServer::listen(*parse_listen_address(config.http_listen), http, std::move(handler));
    if (!listening) {
      cannot_serve(run, cat(run.config_path, ": http.listen: ", listening.error().message));
      return std::nullopt;
    }
    server = std::move(*listening);
    log::info("ops-meta ", version(), " serves on ", config.http_listen, ", port ", server->port());
  }
  if (run.is_announced) return server;
  if (auto announced = run.pid_file.announce_ready(); !announced) {
    cannot_serve(run, announced.error().message);
    run.exit_code = EXIT_FAILURE;
    return std::nullopt;
  }
  run.is_announced = true;
  return server;
}

}  // namespace ops::meta
