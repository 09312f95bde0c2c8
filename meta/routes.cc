#include "meta/routes.h"

#include <nlohmann/json.hpp>

#include <functional>

#include "common/admin_routes.h"
#include "common/log.h"
#include "meta/status.h"
#include "meta/tarballs.h"

namespace ops::meta {

namespace {

using Json = nlohmann::ordered_json;

constexpr auto kWarningPause = std::chrono::minutes(1);
constexpr char kStatusText[] = "/status/text/";
constexpr char kStatusHost[] = "/status/host/";
constexpr char kStatusJson[] = "/status/json/";

std::string dump(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

/// The original's fields, and behind them what happens to the agent, if anything. null where the host lacks it; an agent that
/// is on its way to a host for the first time has the update only.
Json agent_json(const RealAgent* agent, const AgentUpdate* update) {
  Json json = nullptr;
  if (agent != nullptr) {
    json = {{"name", agent->name}, {"version", agent->version}, {"status", agent->status}, {"timestamp", agent->timestamp}};
  }
  if (update != nullptr) json["update"] = Json::parse(to_json(*update));
  return json;
}

std::shared_ptr<const Desired> prepare(Config config) {
  return std::make_shared<const Desired>(std::make_shared<const Config>(std::move(config)));
}

/// When a host that finds no room should come back, in seconds: not all at once.
size_t retry_after(const std::string& hostname) { return 240 + std::hash<std::string>()(hostname) % 120; }

}  // namespace

Routes::Routes(std::string config_path, Config config, HostTable& hosts)
    : config_path_(std::move(config_path)), hosts_(hosts), desired_(prepare(std::move(config))) {}

std::shared_ptr<const Desired> Routes::desired() const {
  const std::lock_guard lock(mutex_);
  return desired_;
}

std::shared_ptr<const Config> Routes::config() const { return desired()->config(); }

HttpResponse Routes::handle(const HttpRequest& request) {
  const std::string& path = request.path;
  if (path == "/heartbeat") {
    if (request.method == "POST") return heartbeat(request);
    HttpResponse response = HttpResponse::text(405, "a heartbeat is a POST\n");
    response.headers.emplace_back("Allow", "POST");
    return response;
  }
  if (request.method == "POST") return HttpResponse::text(405, "only /heartbeat takes a POST\n");
  if (auto response = answer_admin_request(request, [this] { return reload_as_json(); })) return *response;
  if (path.starts_with(kStatusText)) return status_of_hosts(request, path.substr(sizeof kStatusText - 1), false);
  if (path.starts_with(kStatusJson)) return status_of_hosts(request, path.substr(sizeof kStatusJson - 1), true);
  if (path.starts_with(kStatusHost)) return status_host(path.substr(sizeof kStatusHost - 1));
  if (path == "/status/summary") return HttpResponse::json(status_summary(hosts_));
  if (path == "/status/text" || path == "/status/json") return HttpResponse::redirect(path + "/");
  return serve_tarball(config()->tarball_dir, request);
}

HttpResponse Routes::heartbeat(const HttpRequest& request) {
  const auto heartbeat = parse_heartbeat_request(request.body);
  if (!heartbeat) {
    log::debug("heartbeat of ", request.peer, " refused: ", heartbeat.error().message);
    return HttpResponse::text(400, heartbeat.error().message + "\n");
  }
  if (auto recorded = hosts_.record(*heartbeat, std::chrono::system_clock::now()); !recorded) {
    return no_room(*heartbeat, recorded.error());
  }
  return HttpResponse::json(desired()->reply(heartbeat->hostname));
}

HttpResponse Routes::no_room(const HeartbeatRequest& heartbeat, const Error& why) {
  const auto now = std::chrono::steady_clock::now();
  {
    const std::lock_guard lock(mutex_);
    if (now >= next_warning_of_no_room_) {
      log::warning("the heartbeat of ", heartbeat.hostname, " is refused: ", why.message, "; maxHosts bounds it");
      next_warning_of_no_room_ = now + kWarningPause;
    }
  }
  HttpResponse response = HttpResponse::text(503, why.message + "\n");
  response.headers.emplace_back("Retry-After", std::to_string(retry_after(heartbeat.hostname)));
  return response;
}

HttpResponse Routes::status_of_hosts(const HttpRequest& request, const std::string& agent, bool as_json) const {
  if (agent.empty()) return HttpResponse::text(400, "agent name is blank\n");
  auto filter = StatusFilter::from_query(agent, request);
  if (!filter) return HttpResponse::text(400, filter.error().message + "\n");
  HttpResponse response = as_json ? HttpResponse::json("") : HttpResponse::text(200, "");
  response.stream = as_json ? status_json(hosts_, std::move(*filter)) : status_text(hosts_, std::move(*filter));
  return response;
}

HttpResponse Routes::status_host(const std::string& hostname) const {
  const auto host = hosts_.find(hostname);
  if (!host) return HttpResponse::text(404, cat("host \"", one_line(hostname, 100), "\" is not known here\n"));
  Json agents = Json::array();
  for (const RealAgent& agent : host->agents) agents.push_back(agent_json(&agent, host->update(agent.name)));
  for (const AgentUpdate& update : host->updates) {
    if (host->agent(update.name) == nullptr)
      agents.push_back({{"name", update.name}, {"update", Json::parse(to_json(update))}});
  }
  const Json json = {{"hostname", hostname},
                     {"heardAt", std::chrono::system_clock::to_time_t(host->heard_at)},
                     {"updaterVersion", host->updater_version},
                     {"platform", host->platform},
                     {"agents", std::move(agents)}};
  return HttpResponse::json(dump(json));
}

Result<void> Routes::reload() {
  ConfigReport report;
  Config fresh = load_config(config_path_, report);
  if (!report.ok()) {
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
  const std::lock_guard lock(mutex_);
  desired_ = std::move(prepared);
  log::info("config reloaded: ", desired_->config()->agents.size(), " agents");
  return {};
}

Result<std::string> Routes::reload_as_json() {
  if (auto reloaded = reload(); !reloaded) return reloaded.error();
  return to_json(*config());
}

}  // namespace ops::meta
