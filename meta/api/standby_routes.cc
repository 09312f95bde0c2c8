#include "meta/api/standby_routes.h"

#include <algorithm>
#include <cctype>

#include "common/base/json_writer.h"
#include "common/daemon/admin_routes.h"
#include "common/protocol/heartbeat.h"
#include "meta/api/authorization.h"
#include "meta/api/busy.h"
#include "meta/api/leader_desk.h"
#include "meta/api/tarballs.h"
#include "meta/standby/frozen_reply.h"

namespace ops::meta {

namespace {

bool is_of_leader(const std::string& path) {
  const auto is_below = [&](std::string_view folder) { return path == folder || path.starts_with(cat(folder, "/")); };
  return path == "/" || path == "/events" || path == "/history" || is_below("/status") || is_below("/explain");
}

/// The path and the query again, as in the request.
std::string target_of(const HttpRequest& request) {
  constexpr std::string_view kPlain = "/-._~";
  const auto encode = [&](std::string& to, std::string_view text) {
    constexpr char kDigits[] = "0123456789ABCDEF";
    for (const char c : text) {
      const auto byte = static_cast<unsigned char>(c);
      if (std::isalnum(byte) != 0 || kPlain.find(c) != std::string_view::npos) {
        to += c;
      } else {
        to += {'%', kDigits[byte >> 4], kDigits[byte & 15]};
      }
    }
  };
  std::string target;
  encode(target, request.path);
  for (const auto& [key, value] : request.query) {
    target += target.find('?') == std::string::npos ? '?' : '&';
    encode(target, key);
    target += '=';
    encode(target, value);
  }
  return target;
}

}  // namespace

std::string StandbyRoutes::stands_by() const { return cat("stands by; ", follower_.peer().url(), " leads"); }

HttpResponse StandbyRoutes::handle(const HttpRequest& request) {
  const Rights rights = rights_of(request, config_);
  const std::string& path = request.path;
  if (path == "/leader") {
    const Following following = follower_.following();
    return HttpResponse::text(503,
                              following.is_frozen() ? following.text(follower_.peer().address()) + "\n" : stands_by() + "\n");
  }
  if (path == "/heartbeat") {
    if (!rights.heartbeat) return refusal(request, config_, "http.tokens");
    if (request.method != "POST") return HttpResponse::text(405, "/heartbeat takes only POST\n");
    return heartbeat(request);
  }
  if (path.starts_with("/standby/")) return of_pair(request, rights.operate);
  if (path == "/health" || path == "/version") return *answer_admin_request(request, {});
  if (is_of_leader(path)) {
    HttpResponse response = HttpResponse::text(307, stands_by() + "\n");
    response.headers.emplace_back("Location", follower_.peer().url() + target_of(request));
    return response;
  }
  if (path != "/workdir" && path != "/metrics" && path != "/plan" && !path.starts_with("/rollout/") &&
      !path.starts_with("/config/")) {
    return rights.download ? file(request) : refusal(request, config_, "http.tokens");
  }
  if (!rights.operate) return refusal(request, config_, "http.adminTokens");
  if (path == "/workdir") return *answer_admin_request(request, {});
  if (path == "/metrics") {
    const Following following = follower_.following();
    HttpResponse response;
    response.content_type = kMetricsType;
    response.body = standby_metrics(false, following.generation, following.silent.count());
    MetricsText process;
    process.add_process("ops_meta");
    response.body += process.text();
    return response;
  }
  if (path == "/config/reload") {  // ./control reload prints the reason
    std::string json = "{\"msg\":";
    append_json_string(json, stands_by() + ": reload it there; a change of this ops-meta's own settings takes a restart");
    return HttpResponse::json(json + "}");
  }
  return HttpResponse::text(503, stands_by() + ": do it there\n");
}

HttpResponse StandbyRoutes::heartbeat(const HttpRequest& request) {
  const auto heartbeat = parse_heartbeat_request(request.body);
  if (!heartbeat) return HttpResponse::text(400, heartbeat.error().message + "\n");
  if (auto refused = refusal_of_name(request, config_, heartbeat->hostname)) return *refused;
  const Following following = follower_.following();
  if (!following.is_frozen()) return retry_later(stands_by(), 5, 10);
  return HttpResponse::json(
      to_json(frozen_reply(*heartbeat, *following.assignments, following.generation, following.is_recent)));
}

HttpResponse StandbyRoutes::of_pair(const HttpRequest& request, bool may_operate) {
  if (!may_operate) return refusal(request, config_, "http.adminTokens");
  const Following following = follower_.following();
  if (request.path == "/standby/role") return HttpResponse::text(200, following.text(follower_.peer().address()) + "\n");
  if (request.path == "/standby/promotion") return promotion();
  if (request.path != "/standby/step-down" && request.path != "/standby/promote") {
    return HttpResponse::text(503, stands_by() + "\n");
  }
  if (request.method != "POST") return HttpResponse::text(405, request.path + " takes only POST\n");
  if (request.path == "/standby/step-down") return HttpResponse::text(200, leader_line(following.generation));
  if (!request.from_owner) {
    return HttpResponse::text(403, "a promotion is accepted only over ops-meta's own socket: run ./control promote there\n");
  }
  follower_.ask_promotion({request.parameter("force") == "1", request.parameter("old") == "1"});
  return promotion();
}

HttpResponse StandbyRoutes::promotion() const {
  const Promotion promotion = follower_.promotion();
  const bool is_done = promotion.state == Promotion::State::done;
  const int status = is_done ? 200 : promotion.state == Promotion::State::asked ? 202 : 409;
  return HttpResponse::text(status, (promotion.text.empty() ? "no promotion was asked for" : promotion.text) + "\n");
}

/// A large file takes a slot until it is sent.
HttpResponse StandbyRoutes::file(const HttpRequest& request) {
  if (request.method == "POST") return HttpResponse::text(503, stands_by() + "\n");
  constexpr uint64_t kSmallFile = 64 << 10;  // bytes, as in routes.cc
  HttpResponse response = serve_tarball(config_.tarball_dir, request);
  if (response.file_body.length <= kSmallFile) return response;
  auto slot = downloads_.take(config_.max_downloads);
  if (!slot) return retry_later(cat("at most ", config_.max_downloads, " downloads at a time"), 5, 30);
  const auto download = std::make_shared<std::pair<FileBody, std::shared_ptr<void>>>(response.file_body, std::move(slot));
  response.file_body.file = {download, download->first.file.get()};
  return response;
}

}  // namespace ops::meta
