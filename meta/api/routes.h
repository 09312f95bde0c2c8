#pragma once

// ops-meta's HTTP API: what each path answers. Open-Falcon's paths, content types and status codes; README.md describes
// them for operators.

#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "common/http/server.h"
#include "common/tls/tls.h"
#include "meta/api/concurrency_limit.h"
#include "meta/api/heartbeat_handler.h"
#include "meta/config/assignments.h"
#include "meta/config/config.h"
#include "meta/hosts/host_table.h"
#include "meta/reports/metrics.h"
#include "meta/reports/rollout_reporter.h"
#include "meta/rollout/controller.h"

namespace ops::meta {

/// Synchronises itself. Borrows the table, and the server's TLS.
class Routes {
 public:
  /// `orders_path`: where what operators ordered by hand is kept (operator_orders.h). `tls` takes up the config's certificates
  /// when that is reloaded.
  Routes(std::string config_path, Config config, HostTable& hosts, std::string orders_path = "", TlsServer* tls = nullptr);

  HttpResponse handle(const HttpRequest& request);

  /// Reads the config file again. A bad file changes nothing; the error has all that is wrong with it. A new listen address
  /// is taken up by a restart only.
  Result<void> reload();

  std::shared_ptr<const Config> config() const;

  RolloutController& controller() { return controller_; }
  /// For the server that serves them.
  HttpCounters& http_counters() { return counters_.http; }

  /// To be called every RolloutReporter::kTick.
  void tick(std::chrono::system_clock::time_point now) { monitor_.tick(now); }

  /// Takes up what was ordered by hand before, unless the config has changed since.
  void load_orders();

 private:
  std::shared_ptr<const Assignments> desired() const;
  std::optional<HttpResponse> operate(const HttpRequest& request);
  HttpResponse post(const HttpRequest& request);
  HttpResponse plan(const HttpRequest& request);
  HttpResponse order(const HttpRequest& request, Order order);
  HttpResponse explain(const HttpRequest& request, const std::string& hostname);
  HttpResponse status_of_hosts(const HttpRequest& request, const std::string& agent, bool as_json);
  HttpResponse status_hosts(const HttpRequest& request);
  HttpResponse listing(HttpResponse response, BodyStream stream);
  HttpResponse status_host(const std::string& hostname) const;
  HttpResponse status_summary(const HttpRequest& request);
  HttpResponse metrics();
  HttpResponse tarball(const HttpRequest& request);
  Result<std::string> reload_as_json();
  void forget_orders(const Config& config);

  const std::string config_path_;
  HostTable& hosts_;
  TlsServer* const tls_;
  RolloutController controller_;
  MetaCounters counters_;
  HeartbeatHandler heartbeats_;
  RolloutReporter monitor_;
  ConcurrencyLimit downloads_;
  ConcurrencyLimit listings_;

  mutable std::mutex mutex_;
  std::shared_ptr<const Assignments> desired_;  // guarded by mutex_; the config and what is made of it, swapped whole
  NamedReleases named_;                         // guarded by mutex_
};

}  // namespace ops::meta
