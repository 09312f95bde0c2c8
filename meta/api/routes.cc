#include "meta/api/routes.h"

#include "common/base/log.h"
#include "common/daemon/admin_routes.h"
#include "meta/api/authorization.h"
#include "meta/api/busy.h"
#include "meta/api/page.h"
#include "meta/api/tarballs.h"
#include "meta/reports/agent_names.h"
#include "meta/reports/agent_status.h"
#include "meta/reports/explain.h"
#include "meta/reports/fleet_summary.h"
#include "meta/reports/host_status.h"
#include "meta/reports/preview.h"

namespace ops::meta {

namespace {

constexpr uint64_t kSmallFile = 64 << 10;  // checksums and signatures need no slot
constexpr size_t kMaxListings = 32;        // at a time
constexpr char kStatusText[] = "/status/text/";
constexpr char kStatusHost[] = "/status/host/";
constexpr char kStatusJson[] = "/status/json/";
constexpr char kExplain[] = "/explain/";
constexpr char kHalt[] = "/rollout/halt";
constexpr char kResume[] = "/rollout/resume";

std::shared_ptr<const Assignments> prepare(Config config) {
  return std::make_shared<const Assignments>(std::make_shared<const Config>(std::move(config)));
}

bool is_posted_to(const std::string& path) {
  return path == "/heartbeat" || path == "/plan" || path == kHalt || path == kResume;
}

HttpResponse wrong_method(const std::string& path) {
  if (!is_posted_to(path)) return HttpResponse::text(405, "only /heartbeat and /plan take a POST\n");
  HttpResponse response = HttpResponse::text(405, cat(path == "/heartbeat" ? "a heartbeat" : path, " is a POST\n"));
  response.headers.emplace_back("Allow", "POST");
  return response;
}

std::string unknown_host(const std::string& hostname) {
  return cat("host \"", one_line(hostname, 100), "\" is not known here\n");
}

}  // namespace

Routes::Routes(std::string config_path, Config config, HostTable& hosts, std::string orders_path, TlsServer* tls)
    : config_path_(std::move(config_path)),
      hosts_(hosts),
      tls_(tls),
      controller_(hosts, std::move(orders_path)),
      heartbeats_(hosts, controller_, counters_),
      monitor_(hosts, controller_, counters_.heartbeats, heartbeats_.refused(), [this] { return desired(); }),
      desired_(prepare(std::move(config))) {
  named_.note(*desired_->config());
  counters_.tls = tls_;
}

std::shared_ptr<const Assignments> Routes::desired() const {
  const std::lock_guard lock(mutex_);
  return desired_;
}

std::shared_ptr<const Config> Routes::config() const { return desired()->config(); }

HttpResponse Routes::handle(const HttpRequest& request) {
  const std::string& path = request.path;
  const auto desired = this->desired();
  const Rights rights = rights_of(request, *desired->config());
  const bool is_post = request.method == "POST";
  // A GET /heartbeat, too, is refused for want of a token first: ops-updater -t --fetch asks so whether its token is taken.
  const bool may_send = path != "/heartbeat" || rights.heartbeat;
  if (may_send && is_posted_to(path) != is_post) return wrong_method(path);
  if (path == "/heartbeat") {
    if (rights.heartbeat) return heartbeats_.answer(request, *desired);
    return heartbeats_.refuse(request, refusal(request, *desired->config(), "http.tokens"));
  }
  if (path == "/health" || path == "/version") return *answer_admin_request(request, {});
  if (rights.operate) {
    if (auto response = is_post ? post(request) : operate(request)) return *response;
  } else if (is_post || is_for_operators(path)) {
    return refusal(request, *desired->config(), "http.adminTokens");
  }
  return rights.download ? tarball(request) : refusal(request, *desired->config(), "http.tokens");
}

std::optional<HttpResponse> Routes::operate(const HttpRequest& request) {
  const std::string& path = request.path;
  if (auto response = answer_admin_request(request, [this] { return reload_as_json(); })) return response;
  if (path.starts_with(kStatusText)) return status_of_hosts(request, path.substr(sizeof kStatusText - 1), false);
  if (path.starts_with(kStatusJson)) return status_of_hosts(request, path.substr(sizeof kStatusJson - 1), true);
  if (path.starts_with(kStatusHost)) return status_host(path.substr(sizeof kStatusHost - 1));
  if (path == "/status/hosts") return status_hosts(request);
  if (path.starts_with(kExplain)) return explain(request, path.substr(sizeof kExplain - 1));
  if (path == "/status/summary") return status_summary(request);
  if (path == "/metrics") return metrics();
  if (wants_page(request)) return page();
  if (path == "/status/text" || path == "/status/json") return HttpResponse::redirect(path + "/");
  return std::nullopt;
}

HttpResponse Routes::post(const HttpRequest& request) {
  if (request.path == "/plan") return plan(request);
  return order(request, request.path == kHalt ? Order::halt : Order::resume);
}

/// What is large takes a slot for as long as it is sent.
HttpResponse Routes::tarball(const HttpRequest& request) {
  const auto config = this->config();
  HttpResponse response = serve_tarball(config->tarball_dir, request);
  if (response.file_body.length <= kSmallFile) return response;
  auto slot = downloads_.take(config->max_downloads);
  if (!slot) {
    ++counters_.downloads_refused;
    return retry_later(cat("at most ", config->max_downloads, " downloads at a time"), 5, 30);
  }
  ++counters_.downloads;
  const auto download = std::make_shared<std::pair<FileBody, std::shared_ptr<void>>>(response.file_body, std::move(slot));
  response.file_body.file = {download, download->first.file.get()};
  return response;
}

HttpResponse Routes::status_of_hosts(const HttpRequest& request, const std::string& agent, bool as_json) {
  if (agent.empty()) return HttpResponse::text(400, "agent name is blank\n");
  if (const std::string trouble = unknown_agent(agent, *config(), hosts_); !trouble.empty()) {
    return HttpResponse::text(404, trouble + "\n");
  }
  auto filter = StatusFilter::from_query(agent, request);
  if (!filter) return HttpResponse::text(400, filter.error().message + "\n");
  if (as_json) return listing(HttpResponse::json(""), status_json(hosts_, std::move(*filter)));
  return listing(HttpResponse::text(200, ""), status_text(hosts_, std::move(*filter)));
}

HttpResponse Routes::status_hosts(const HttpRequest& request) {
  auto page = page_from_query(request);
  if (!page) return HttpResponse::text(400, page.error().message + "\n");
  return listing(HttpResponse::json(""), meta::status_hosts(hosts_, std::move(*page)));
}

/// A listing takes a slot for as long as it is sent.
HttpResponse Routes::listing(HttpResponse response, BodyStream stream) {
  auto slot = listings_.take(kMaxListings);
  if (!slot) {
    ++counters_.listings_refused;
    return retry_later(cat("at most ", kMaxListings, " listings at a time"), 1, 10);
  }
  response.stream = [slot = std::move(slot), stream = std::move(stream)](std::string& to) { return stream(to); };
  return response;
}

HttpResponse Routes::status_host(const std::string& hostname) const {
  const auto host = hosts_.find(hostname);
  if (!host) return HttpResponse::text(404, unknown_host(hostname));
  return HttpResponse::json(host_json(hostname, *host));
}

HttpResponse Routes::status_summary(const HttpRequest& request) {
  const std::string format = request.parameter("format");
  const bool as_json = format.empty() || format == "json";
  if (!as_json && format != "text" && format != "bars") return HttpResponse::text(400, "format is json, text or bars\n");
  const auto write = [this, as_json, bars = format == "bars" ? Bars::yes : Bars::no](const FleetSummary& summary) {
    return as_json ? to_json(summary, hosts_) : to_text(summary, bars);
  };
  HttpResponse response = as_json ? HttpResponse::json("") : HttpResponse::text(200, "");
  response.stream = monitor_.stream(write);
  return response;
}

HttpResponse Routes::plan(const HttpRequest& request) {
  ConfigReport report;
  Config fresh = parse_config(request.body, report);
  if (!report.ok()) return HttpResponse::text(400, report.text("the new config"));
  const bool as_json = request.parameter("format") == "json";
  const auto planner = std::make_shared<Previewer>(hosts_, desired(), prepare(std::move(fresh)));
  return listing(as_json ? HttpResponse::json("") : HttpResponse::text(200, ""),
                 [planner, as_json, warnings = std::move(report.warnings)](std::string& to) {
                   if (planner->step()) return true;
                   Preview plan = planner->result();
                   plan.warnings.insert(plan.warnings.begin(), warnings.begin(), warnings.end());
                   to += as_json ? to_json(plan) : to_text(plan);
                   return false;
                 });
}

HttpResponse Routes::explain(const HttpRequest& request, const std::string& hostname) {
  const auto host = hosts_.find(hostname);
  if (!host) return HttpResponse::text(404, unknown_host(hostname));
  const auto explanation = meta::explain(*desired(), controller_, hostname, *host, std::chrono::system_clock::now());
  if (request.parameter("format") == "json") return HttpResponse::json(to_json(explanation));
  return HttpResponse::text(200, to_text(explanation));
}

/// `?agent=falcon-agent&version=3.1.3`
HttpResponse Routes::order(const HttpRequest& request, Order order) {
  if (!request.from_owner)
    return HttpResponse::text(403, "only by ./control halt and ./control resume, on ops-meta's machine\n");
  const std::string agent = request.parameter("agent");
  const std::string version = request.parameter("version");
  if (auto given = controller_.orders().give(*config(), agent, version, order); !given) {
    return HttpResponse::text(400, given.error().message + "\n");
  }
  const std::string what = cat(agent, " ", version, order == Order::halt ? " is halted" : " is resumed", " by hand");
  log::warning(what, ", until the agent's entry in the config changes");
  return HttpResponse::text(200, what + ", until the agent's entry in cfg.json changes\n");
}

void Routes::load_orders() {
  if (auto loaded = controller_.orders().load(); !loaded) log::error(loaded.error().message);
  forget_orders(*config());
}

void Routes::forget_orders(const Config& config) {
  for (const std::string& order : controller_.orders().remove_outdated(config)) {
    log::info("the ", order, " by hand is over: the agent's entry in the config has changed");
  }
}

HttpResponse Routes::metrics() {
  NamedReleases::Names names;
  {
    const std::lock_guard lock(mutex_);
    names = named_.names();
  }
  HttpResponse response;
  response.content_type = kMetricsType;
  response.body = metrics_text(counters_, hosts_, controller_, *config(), names, std::chrono::system_clock::now());
  return response;
}

Result<void> Routes::reload() {
  ConfigReport report;
  Config fresh = load_config(config_path_, report);
  if (report.ok() && tls_ != nullptr) {
    if (auto loaded = tls_->load(fresh.tls); !loaded) report.errors.push_back("http.tls: " + loaded.error().message);
  }
  counters_.is_reload_bad = !report.ok();
  if (!report.ok()) {
    ++counters_.bad_reloads;
    log::error("the config is not reloaded, the old one stays: ", report.text(config_path_));
    return Error{cat("parse config file ", config_path_, " fail: ", report.text(config_path_))};
  }
  for (const std::string& warning : report.warnings) log::warning(config_path_, ": ", warning);
  const auto before = config();
  if (fresh.http_listen != before->http_listen || fresh.http_enabled != before->http_enabled) {
    log::warning("http.listen or http.enabled changed: that takes a restart");
  }
  log::set_debug(fresh.debug);
  hosts_.set_max_hosts(fresh.max_hosts);
  auto prepared = prepare(std::move(fresh));  // heartbeats don't wait for it
  const auto config = prepared->config();
  {
    const std::lock_guard lock(mutex_);
    desired_ = std::move(prepared);
    named_.note(*config);
  }
  forget_orders(*config);
  log::info("config reloaded: ", config->agents.size(), " agents");
  return {};
}

Result<std::string> Routes::reload_as_json() {
  if (auto reloaded = reload(); !reloaded) return reloaded.error();
  return to_json(*config());
}

}  // namespace ops::meta
