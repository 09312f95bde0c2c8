#include "updater/debug_port.h"

#include <nlohmann/json.hpp>

#include "common/daemon/admin_routes.h"
#include "common/daemon/metrics.h"
#include "updater/metrics.h"

namespace ops::updater {

namespace {

using Json = nlohmann::ordered_json;

Json to_json(const AgentReport& report) {
  Json json = {{"name", report.name}};
  if (const auto& seen = report.seen) {
    json["version"] = seen->version;
    json["checksum"] = seen->checksum;
    json["status"] = seen->status_text;
    json["previous"] = seen->state.previous;
    if (const auto& soak = seen->state.soak) {
      json["soak"] = {{"previous", soak->previous}, {"until", soak->until}, {"deaths", soak->deaths}};
    }
    json["hold"] = seen->hold ? Json(*seen->hold) : Json(nullptr);
    if (const auto& failed = seen->state.latch) {
      json["failed"] = {{"version", failed->version}, {"error", failed->error}, {"when", failed->when}};
    }
  }
  if (const auto& desired = report.desired) json["desired"] = {{"version", desired->version}, {"cmd", desired->cmd}};
  if (const auto update = update_of(report)) json["update"] = Json::parse(ops::to_json(*update));
  return json;
}

HttpResponse agents_response(const MainLoop& loop) {
  Json agents = Json::array();
  for (const AgentReport& report : loop.report()) agents.push_back(to_json(report));
  return HttpResponse::json(agents.dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
}

HttpResponse metrics_response(const MainLoop& loop) {
  HttpResponse response;
  response.content_type = kMetricsType;
  response.body = metrics_text(loop.report(), loop.polls());
  return response;
}

}  // namespace

HttpResponse answer(const HttpRequest& request, MainLoop& loop) {
  if (request.method == "POST") return HttpResponse::text(405, "the debug port takes no POST requests\n");
  if (request.path == "/health") {
    if (const std::string trouble = loop.trouble(); !trouble.empty()) return HttpResponse::text(503, trouble);
  }
  const auto reload = [&]() -> Result<std::string> {
    if (auto reloaded = loop.reload(MainLoop::Asker::any_user); !reloaded) return reloaded.error();
    return to_json(*loop.config());
  };
  if (auto response = answer_admin_request(request, reload)) return *response;
  if (request.path == "/agents") return agents_response(loop);
  if (request.path == "/metrics") return metrics_response(loop);
  return HttpResponse::text(404, "404 page not found\n");
}

}  // namespace ops::updater
