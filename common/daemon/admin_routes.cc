#include "common/daemon/admin_routes.h"

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "common/base/version.h"

namespace ops {

namespace {

using Json = nlohmann::json;

std::string quote(const std::string& text) { return Json(text).dump(-1, ' ', false, Json::error_handler_t::replace); }

bool is_loopback(const std::string& ip) { return ip.starts_with("127.") || ip == "::1" || ip.starts_with("::ffff:127."); }

/// Whether the client itself is on this machine. A proxy on this machine has a loopback address too, and usually names its
/// client in one of these fields.
bool is_from_this_machine(const HttpRequest& request) {
  if (request.from_owner) return true;
  constexpr std::string_view kOfProxies[] = {"Forwarded",         "Via",      "X-Forwarded-For", "X-Forwarded-Host",
                                             "X-Forwarded-Proto", "X-Real-IP"};
  const auto has_field = [&](std::string_view name) { return !request.header(name).empty(); };
  return is_loopback(request.peer) && std::none_of(std::begin(kOfProxies), std::end(kOfProxies), has_field);
}

HttpResponse reload_response(const HttpRequest& request, const std::function<Result<std::string>()>& reload) {
  if (!is_from_this_machine(request)) return HttpResponse::text(200, "no privilege");
  const auto config = reload();
  if (!config) return HttpResponse::json(cat("{\"msg\":", quote(config.error().message), "}"));
  return HttpResponse::json(success_json(*config));
}

}  // namespace

std::string success_json(const std::string& data) { return cat("{\"msg\":\"success\",\"data\":", data, "}"); }

std::optional<HttpResponse> answer_admin_request(const HttpRequest& request,
                                                 const std::function<Result<std::string>()>& reload) {
  if (request.path == "/health") return HttpResponse::text(200, "ok");
  if (request.path == "/version") return HttpResponse::text(200, version());
  if (request.path == "/workdir") {
    std::error_code error;
    return HttpResponse::json(success_json(quote(std::filesystem::current_path(error))));
  }
  if (request.path == "/config/reload") return reload_response(request, reload);
  return std::nullopt;
}

}  // namespace ops
