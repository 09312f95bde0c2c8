#include "meta/api/heartbeat_handler.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "meta/api/authorization.h"
#include "meta/api/busy.h"

namespace ops::meta {

namespace {

constexpr auto kWarningPause = std::chrono::minutes(1);
constexpr size_t kHostnameWithin = 4096;  // bytes of a refused heartbeat in which to look for its hostname, the first key

/// `host h1: 401, a token is missing: …`
std::string reason_of(const HttpRequest& request, const HttpResponse& refusal) {
  const std::string hostname = hostname_in(std::string_view(request.body).substr(0, kHostnameWithin));
  return cat(hostname.empty() ? "" : cat("host ", hostname, ": "), refusal.status, ", ", one_line(trim(refusal.body), 300));
}

}  // namespace

HttpResponse HeartbeatHandler::answer(const HttpRequest& request, const Assignments& assignments) {
  const auto begin = std::chrono::steady_clock::now();
  HttpResponse response = record(request, assignments);
  counters_.heartbeats.add(std::chrono::steady_clock::now() - begin);
  return response;
}

HttpResponse HeartbeatHandler::record(const HttpRequest& request, const Assignments& assignments) {
  const auto heartbeat = parse_heartbeat_request(request.body);
  if (!heartbeat) return refuse(request, HttpResponse::text(400, heartbeat.error().message + "\n"), counters_.malformed);
  if (auto refused = refusal_of_name(request, *assignments.config(), heartbeat->hostname)) return refuse(request, *refused);
  const auto now = steady_now();
  if (auto recorded = hosts_.record(*heartbeat, now); !recorded) return table_full(*heartbeat, recorded.error());
  if (!heartbeat->refused.empty()) log_left_out(*heartbeat);
  if (!heartbeat->host_id.empty() && hosts_.is_duplicate(heartbeat->hostname)) {
    duplicates_.note(heartbeat->hostname, now, [&] {
      return cat("one is ", request.peer, ", updater ", heartbeat->host_id,
                 "; the host changes no version until each machine has its own hostname");
    });
  }
  const auto decide = [&](const DesiredAgent& agent, const RolloutLimits& limits) {
    return controller_.decide(agent, limits, *heartbeat, now);
  };
  return HttpResponse::json(
      assignments.reply(heartbeat->hostname, heartbeat->real_agents, decide, std::chrono::seconds(heartbeat->interval)));
}

HttpResponse HeartbeatHandler::refuse(const HttpRequest& request, HttpResponse refusal, Counter& counter) {
  ++counter;
  refused_.note(request.peer, steady_now(), [&] { return reason_of(request, refusal); });
  return refusal;
}

void HeartbeatHandler::log_left_out(const HeartbeatRequest& heartbeat) {
  const std::vector<std::string>& reasons = heartbeat.refused;
  counters_.left_out += reasons.size();
  left_out_.note(heartbeat.hostname, steady_now(),
                 [&] { return reasons.size() == 1 ? reasons[0] : cat(reasons[0], "; and ", reasons.size() - 1, " more"); });
}

HttpResponse HeartbeatHandler::table_full(const HeartbeatRequest& heartbeat, const Error& why) {
  ++counters_.no_room;
  const auto now = std::chrono::steady_clock::now();
  {
    const std::lock_guard lock(mutex_);
    if (now >= next_table_full_warning_) {
      log::warning("refused the heartbeat of host ", heartbeat.hostname, ": ", why.message, "; raise maxHosts in the config");
      next_table_full_warning_ = now + kWarningPause;
    }
  }
  return retry_later(why.message, 240, 360);
}

}  // namespace ops::meta
