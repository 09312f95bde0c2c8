#include "meta/api/routes.h"

#include <algorithm>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/number_text.h"
#include "common/daemon/admin_routes.h"
#include "meta/api/authorization.h"
#include "meta/api/busy.h"
#include "meta/api/page.h"
#include "meta/api/tarballs.h"

namespace ops::meta {

namespace {

constexpr uint64_t kSmallFile = 64 << 10;  // bytes; checksums and signatures are smaller, and maxDownloads does not limit them

std::shared_ptr<const Assignments> prepare(Config config) {
  return std::make_shared<const Assignments>(std::make_shared<const Config>(std::move(config)));
}

}  // namespace

/// A "*" at the end of `path` stands for the rest of a request's path.
struct Routes::Route {
  std::string_view method;  // "POST", or "GET" for GET and HEAD
  std::string_view path;
  Right right;
  HttpResponse (Routes::*handler)(const HttpRequest& request, const std::string& rest);

  bool is_prefix() const { return path.ends_with('*'); }
  std::string_view prefix() const { return path.substr(0, path.size() - (is_prefix() ? 1 : 0)); }
  bool matches(std::string_view asked) const { return is_prefix() ? asked.starts_with(prefix()) : asked == path; }
};

/// The first route that matches a path answers it; the last one matches every path.
std::span<const Routes::Route> Routes::table() {
  static constexpr Route kTable[] = {
      {"POST", "/heartbeat", Right::heartbeat, &Routes::heartbeat},
      {"GET", "/health", Right::none, &Routes::admin},
      {"GET", "/version", Right::none, &Routes::admin},
      {"GET", "/workdir", Right::operate, &Routes::admin},
      {"GET", "/config/reload", Right::operate, &Routes::admin},  // only from a loopback address
      {"GET", "/status/text/*", Right::operate, &Routes::status_text},
      {"GET", "/status/json/*", Right::operate, &Routes::status_json},
      {"GET", "/status/text", Right::operate, &Routes::add_slash},
      {"GET", "/status/json", Right::operate, &Routes::add_slash},
      {"GET", "/status/host/*", Right::operate, &Routes::status_host},
      {"GET", "/status/hosts", Right::operate, &Routes::status_hosts},
      {"GET", "/status/summary", Right::operate, &Routes::status_summary},
      {"GET", "/status/rollout", Right::operate, &Routes::status_rollout},
      {"GET", "/explain/*", Right::operate, &Routes::explain},
      {"GET", "/events", Right::operate, &Routes::events},
      {"GET", "/history", Right::operate, &Routes::history},
      {"GET", "/metrics", Right::operate, &Routes::metrics},
      {"POST", "/plan", Right::operate, &Routes::plan},
      {"POST", "/rollout/halt", Right::owner, &Routes::halt},
      {"POST", "/rollout/resume", Right::owner, &Routes::resume},
      {"GET", "/", Right::operate, &Routes::front},
      // No page is here. A client without the operators' right that mistypes the path of a page gets a 401 and not a 404.
      {"GET", "/status", Right::operate, &Routes::fall_back_to_file},
      {"GET", "/status/*", Right::operate, &Routes::fall_back_to_file},
      {"GET", "/explain", Right::operate, &Routes::fall_back_to_file},
      {"GET", "/config/*", Right::operate, &Routes::fall_back_to_file},
      {"GET", "*", Right::download, &Routes::file},
  };
  return kTable;
}

const Routes::Route& Routes::route_of(const std::string& path) {
  const auto routes = table();
  return *std::find_if(routes.begin(), routes.end(), [&](const Route& route) { return route.matches(path); });
}

Routes::Routes(std::string config_path, Config config, HostTable& hosts, std::string orders_path, TlsServer* tls)
    : config_path_(std::move(config_path)),
      hosts_(hosts),
      tls_(tls),
      controller_(hosts, std::move(orders_path), &events_),
      heartbeats_(hosts, controller_, counters_),
      changes_(hosts, &events_),
      reporter_(hosts, controller_, counters_.heartbeats, heartbeats_.refused(), changes_, [this] { return assignments(); }),
      sampler_(hosts, controller_, counters_.heartbeats),
      assignments_(prepare(std::move(config))) {
  named_releases_.note(*assignments_->config());
  counters_.tls = tls_;
}

std::shared_ptr<const Assignments> Routes::assignments() const {
  const std::lock_guard lock(mutex_);
  return assignments_;
}

std::shared_ptr<const Config> Routes::config() const { return assignments()->config(); }

HttpResponse Routes::handle(const HttpRequest& request) { return answer(route_of(request.path), request); }

HttpResponse Routes::answer(const Route& route, const HttpRequest& request) {
  const auto config = this->config();
  const Rights rights = rights_of(request, *config);
  const bool is_right_method = (request.method == "POST") == (route.method == "POST");
  // The token for heartbeats is checked before the method: `ops-updater -t --fetch` sends a GET /heartbeat to test its token.
  if (!is_right_method && (route.right != Right::heartbeat || rights.heartbeat)) return wrong_method(route);
  if (!allows(rights, route.right)) return refuse(route, request, *config);
  if (route.right == Right::owner && !request.from_owner) {
    return HttpResponse::text(403, cat(route.path, " is accepted only over ops-meta's own socket: run ./control halt or ",
                                       "./control resume on ops-meta's machine\n"));
  }
  const std::string rest = route.is_prefix() ? request.path.substr(route.prefix().size()) : "";
  return (this->*route.handler)(request, rest);
}

HttpResponse Routes::wrong_method(const Route& route) {
  const bool is_post = route.method == "POST";
  std::string text = cat(route.path, " takes only POST\n");
  if (!is_post) {
    text.clear();
    for (const Route& other : table()) {
      if (other.method == "POST") text += cat(text.empty() ? "" : ", ", other.path);
    }
    text = cat("POST is only for ", text, "\n");
  }
  HttpResponse response = HttpResponse::text(405, std::move(text));
  response.headers.emplace_back("Allow", is_post ? "POST" : "GET, HEAD");
  return response;
}

HttpResponse Routes::refuse(const Route& route, const HttpRequest& request, const Config& config) {
  const bool is_for_hosts = route.right == Right::heartbeat || route.right == Right::download;
  HttpResponse response = refusal(request, config, is_for_hosts ? "http.tokens" : "http.adminTokens");
  return route.right == Right::heartbeat ? heartbeats_.refuse(request, std::move(response)) : response;
}

HttpResponse Routes::heartbeat(const HttpRequest& request, const std::string& /*rest*/) {
  return heartbeats_.answer(request, *assignments());
}

HttpResponse Routes::admin(const HttpRequest& request, const std::string& /*rest*/) {
  return *answer_admin_request(request, [&]() -> Result<std::string> {
    if (auto reloaded = reload(client_of(request)); !reloaded) return reloaded.error();
    return to_json(*config());
  });
}

/// Scripts get the listing of tarballDir, as from the original.
HttpResponse Routes::front(const HttpRequest& request, const std::string& rest) {
  return wants_page(request) ? page() : fall_back_to_file(request, rest);
}

/// Answers with the file at this path, for which the client needs the right to download as well.
HttpResponse Routes::fall_back_to_file(const HttpRequest& request, const std::string& /*rest*/) {
  return answer(table().back(), request);
}

/// A large file takes a slot until it is sent.
HttpResponse Routes::file(const HttpRequest& request, const std::string& /*rest*/) {
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

void Routes::tick(std::chrono::system_clock::time_point now) {
  controller_.tick(now);
  counters_.silent_hosts = static_cast<int64_t>(count_silent(hosts_, *config(), now));
  reporter_.tick(now);
  sampler_.tick(*config(), counters_.silent_hosts, now);
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

Result<void> Routes::reload(const std::string& by) {
  ConfigReport report;
  Config fresh = load_config(config_path_, report);
  if (report.ok() && tls_ != nullptr) {
    if (auto loaded = tls_->load(fresh.tls); !loaded) report.errors.push_back("http.tls: " + loaded.error().message);
  }
  counters_.is_reload_bad = !report.ok();
  if (!report.ok()) {
    ++counters_.bad_reloads;
    log::error("the config is not reloaded, the old one stays: ", report.text(config_path_));
    events_.add(
        {EventKind::reload_failed, "", "", "", by, cat("cfg.json is bad, and is not reloaded: ", report.text(config_path_))});
    return Error{cat("parse config file ", config_path_, " fail: ", report.text(config_path_))};
  }
  for (const std::string& warning : report.warnings) log::warning(config_path_, ": ", warning);
  const auto before = assignments();
  if (fresh.http_listen != before->config()->http_listen || fresh.http_enabled != before->config()->http_enabled) {
    log::warning("http.listen or http.enabled changed: restart ops-meta for the change to take effect");
  }
  log::set_debug(fresh.debug);
  hosts_.set_max_hosts(fresh.max_hosts);
  const auto prepared = prepare(std::move(fresh));  // not under the mutex, which heartbeats need
  const auto config = prepared->config();
  {
    const std::lock_guard lock(mutex_);
    assignments_ = prepared;
    named_releases_.note(*config);
  }
  forget_orders(*config);
  log::info("config reloaded: ", counted(config->agents.size(), "agent"));
  if (config->agents != before->config()->agents) controller_.history().forget_ended();
  changes_.note(before, prepared, steady_now(), by);
  return {};
}

}  // namespace ops::meta
