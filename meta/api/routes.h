#pragma once

// ops-meta's HTTP API, with the paths, content types and status codes of Open-Falcon's ops-meta. The table at the top of
// routes.cc lists every route. operator_routes.cc has the handlers of the routes for operators. meta/README.md describes the
// API.

#include <chrono>
#include <memory>
#include <mutex>
#include <span>
#include <string>

#include "common/http/server.h"
#include "common/tls/tls.h"
#include "meta/api/concurrency_limit.h"
#include "meta/api/heartbeat_handler.h"
#include "meta/config/assignments.h"
#include "meta/config/config.h"
#include "meta/events/event_log.h"
#include "meta/hosts/host_table.h"
#include "meta/reports/agent_status.h"
#include "meta/reports/change_reporter.h"
#include "meta/reports/metrics.h"
#include "meta/reports/rollout_reporter.h"
#include "meta/reports/sampler.h"
#include "meta/rollout/controller.h"

namespace ops::meta {

/// Synchronises itself. Borrows the host table and the server's TLS.
class Routes {
 public:
  /// `orders_path`: the file that keeps the orders of operators (operator_orders.h). A reload of the config also loads the
  /// certificates of the new config into `tls`.
  Routes(std::string config_path, Config config, HostTable& hosts, std::string orders_path = "", TlsServer* tls = nullptr);

  HttpResponse handle(const HttpRequest& request);

  /// Reads the config file again. A bad file changes nothing; the error lists all its faults. A change of http.listen or
  /// http.enabled takes effect at the next start. `by`: see Event.
  Result<void> reload(const std::string& by = "SIGHUP");

  std::shared_ptr<const Config> config() const;
  std::shared_ptr<const Assignments> assignments() const;

  RolloutController& controller() { return controller_; }
  ChangeReporter& changes() { return changes_; }
  EventLog& events() { return events_; }
  Sampler& sampler() { return sampler_; }
  /// The counters that the HTTP server updates.
  HttpCounters& http_counters() { return counters_.http; }

  /// Call it every RolloutReporter::kTick.
  void tick(std::chrono::system_clock::time_point now);

  /// Reads the operators' orders from `orders_path`, and drops those whose agent has another entry in the config now.
  void load_orders();

 private:
  struct Route;
  static std::span<const Route> table();
  static const Route& route_of(const std::string& path);
  static HttpResponse wrong_method(const Route& route);
  HttpResponse answer(const Route& route, const HttpRequest& request);
  HttpResponse refuse(const Route& route, const HttpRequest& request, const Config& config);

  // The handlers of the routes. `rest` is the part of the path that the route's "*" stands for.
  HttpResponse heartbeat(const HttpRequest& request, const std::string& rest);
  HttpResponse admin(const HttpRequest& request, const std::string& rest);
  HttpResponse status_text(const HttpRequest& request, const std::string& agent);
  HttpResponse status_json(const HttpRequest& request, const std::string& agent);
  HttpResponse add_slash(const HttpRequest& request, const std::string& rest);
  HttpResponse status_host(const HttpRequest& request, const std::string& hostname);
  HttpResponse status_hosts(const HttpRequest& request, const std::string& rest);
  HttpResponse status_summary(const HttpRequest& request, const std::string& rest);
  HttpResponse status_rollout(const HttpRequest& request, const std::string& rest);
  HttpResponse explain(const HttpRequest& request, const std::string& hostname);
  HttpResponse events(const HttpRequest& request, const std::string& rest);
  HttpResponse history(const HttpRequest& request, const std::string& rest);
  HttpResponse metrics(const HttpRequest& request, const std::string& rest);
  HttpResponse plan(const HttpRequest& request, const std::string& rest);
  HttpResponse halt(const HttpRequest& request, const std::string& rest);
  HttpResponse resume(const HttpRequest& request, const std::string& rest);
  HttpResponse front(const HttpRequest& request, const std::string& rest);
  HttpResponse fall_back_to_file(const HttpRequest& request, const std::string& rest);
  HttpResponse file(const HttpRequest& request, const std::string& rest);

  HttpResponse status_of_agent(const HttpRequest& request, const std::string& agent, bool as_json);
  void note_leases(StatusFilter& filter) const;
  HttpResponse listing(HttpResponse response, BodyStream stream);
  HttpResponse give_order(const HttpRequest& request, Order order);
  void forget_orders(const Config& config);

  const std::string config_path_;
  HostTable& hosts_;
  TlsServer* const tls_;
  EventLog events_;
  RolloutController controller_;
  MetaCounters counters_;
  HeartbeatHandler heartbeats_;
  ChangeReporter changes_;
  RolloutReporter reporter_;
  Sampler sampler_;
  ConcurrencyLimit downloads_;
  ConcurrencyLimit listings_;

  mutable std::mutex mutex_;
  std::shared_ptr<const Assignments> assignments_;  // guarded by mutex_; replaced as a whole
  NamedReleases named_releases_;                    // guarded by mutex_
};

}  // namespace ops::meta
