#include "meta/api/leader_desk.h"

#include <condition_variable>
#include <utility>

#include "common/base/clock.h"
#include "common/base/json_writer.h"
#include "common/base/log.h"
#include "meta/api/authorization.h"
#include "meta/api/busy.h"
#include "meta/hosts/host_snapshot.h"
#include "meta/standby/followed_state.h"

namespace ops::meta {

namespace {

constexpr std::chrono::seconds kPause{2};
constexpr std::chrono::seconds kLongestGap{10};
constexpr std::chrono::seconds kLongestRequest{60};

/// What the reader's clock shows.
WallTime wall_of(const HttpRequest& request) {
  const auto now = parse_number(request.parameter("now"));
  return now && *now <= UINT32_MAX ? std::chrono::system_clock::from_time_t(static_cast<time_t>(*now))
                                   : std::chrono::system_clock::now();
}

}  // namespace

std::string standby_metrics(bool leads, int64_t generation, std::optional<int64_t> behind) {
  MetricsText text;
  text.add("ops_meta_leads", MetricType::gauge, "1 if this ops-meta leads, 0 if it stands by.", leads ? 1 : 0);
  text.add("ops_meta_generation", MetricType::gauge, "The generation of the leader: the time of its promotion.",
           static_cast<double>(generation));
  if (behind) {
    text.add("ops_meta_standby_behind_seconds", MetricType::gauge,
             "Time since the ops-meta that stands by last read the state of the leader.", static_cast<double>(*behind));
  }
  return text.text();
}

LeaderDesk::LeaderDesk(Routes& routes, HostTable& hosts, const StandbyConfig& standby, Leadership leadership,
                       std::function<void()> wake)
    : routes_(routes),
      hosts_(hosts),
      is_pair_(!standby.of.empty()),
      peer_(standby),
      leadership_(leadership),
      wake_(std::move(wake)),
      is_unsure_(is_pair_),
      expected_at_((Clock::now() + kLongestRequest).time_since_epoch().count()) {
  if (is_pair_) thread_ = std::jthread([this](const std::stop_token& stop) { watch(stop); });
}

HttpResponse LeaderDesk::handle(const HttpRequest& request) {
  if (is_pair_ && (request.path == "/leader" || request.path.starts_with("/standby/"))) return answer_standby(request);
  const bool is_heartbeat = request.path == "/heartbeat";
  const bool is_local = request.path == "/health" || request.path == "/version" || request.path == "/metrics";
  if (has_stepped_down_ && !is_local) return stands_by();
  if (is_heartbeat && is_unsure()) {
    return retry_later(cat("ops-meta asks ", peer_.url(), " first whether that one leads now"), 2, 4);
  }
  HttpResponse response = routes_.handle(request);
  if (response.status != 200) return response;
  if (is_heartbeat && leadership_.generation > 0 && response.body.ends_with('}')) {
    response.body.back() = ',';
    response.body += cat("\"generation\":", leadership_.generation, "}");
  }
  if (!is_pair_) return response;
  if (request.path == "/metrics") response.body += standby_metrics(!has_stepped_down_, leadership_.generation, behind());
  if (request.path == "/status/summary") add_summary(request, response);
  return response;
}

HttpResponse LeaderDesk::answer_standby(const HttpRequest& request) {
  if (request.path == "/leader") {
    return has_stepped_down_ || is_unsure() ? stands_by() : HttpResponse::text(200, leader_line(leadership_.generation));
  }
  const auto config = routes_.config();
  if (!rights_of(request, *config).operate) return refusal(request, *config, "http.adminTokens");
  if (request.path == "/standby/state" && !has_stepped_down_) {
    read_at_ = Clock::now().time_since_epoch().count();
    return state(request);
  }
  if (request.path == "/standby/hosts") return send_hosts(request);
  if (request.path == "/standby/role") return HttpResponse::text(200, has_stepped_down_ ? "stands by\n" : "leads\n");
  if (request.path == "/standby/promotion") return HttpResponse::text(200, "leads already\n");
  if (request.path == "/standby/promote") return HttpResponse::text(409, "this ops-meta leads already\n");
  if (request.path != "/standby/step-down") return has_stepped_down_ ? stands_by() : HttpResponse::text(404, "not found\n");
  if (request.method != "POST") return HttpResponse::text(405, "/standby/step-down takes only POST\n");
  step_down(cat("an operator promotes ", peer_.url()));
  return has_stepped_down_ ? state(request) : HttpResponse::text(500, "cannot write var/leader.json: see the log\n");
}

HttpResponse LeaderDesk::state(const HttpRequest& request) {
  return HttpResponse::json(
      to_json(state_of(*routes_.config(), hosts_, routes_.controller(), leadership_.generation, wall_of(request))));
}

HttpResponse LeaderDesk::send_hosts(const HttpRequest& request) {
  HttpResponse response;
  response.content_type = "application/octet-stream";
  const auto writer = std::make_shared<HostsWriter>(hosts_, steady_now(), wall_of(request));
  response.stream = [writer](std::string& to) { return writer->next(to); };
  return response;
}

HttpResponse LeaderDesk::stands_by() const { return retry_later(cat("stands by; ", peer_.url(), " leads"), 5, 10); }

/// Puts the pair in front of the summary.
void LeaderDesk::add_summary(const HttpRequest& request, HttpResponse& response) const {
  const auto behind = this->behind();
  const std::string format = request.parameter("format");
  std::string begin = cat("{\"standby\":{\"leads\":true,\"generation\":", leadership_.generation, ",\"other\":");
  append_json_string(begin, peer_.url());
  begin += cat(",\"secondsBehind\":", behind ? std::to_string(*behind) : "null", "},");
  if (!format.empty() && format != "json") {
    begin = cat("leads; ", peer_.address(), behind ? cat(" is ", *behind, " s behind\n") : " has not followed yet\n");
  }
  const size_t replaced = begin.starts_with('{') ? 1 : 0;  // the brace at the begin
  response.stream = [stream = std::move(response.stream), begin, replaced](std::string& to) mutable {
    const bool more = stream(to);
    if (!to.empty() && !begin.empty()) to.replace(0, replaced, std::exchange(begin, ""));
    return more;
  };
}

std::optional<int64_t> LeaderDesk::behind() const {
  const auto read_at = Clock::time_point(Clock::duration(read_at_.load()));
  if (read_at == Clock::time_point()) return std::nullopt;
  return std::chrono::floor<std::chrono::seconds>(Clock::now() - read_at).count();
}

void LeaderDesk::end_warm_up() {
  const std::lock_guard lock(mutex_);
  if (has_stepped_down_) return;
  if (auto saved = save_leadership({true, leadership_.generation, false}, kLeaderFile); !saved) {
    log::warning(saved.error().message);
  }
}

/// Also over a restart: the file is written before any reply says so.
void LeaderDesk::step_down(const std::string& why) {
  const std::lock_guard lock(mutex_);
  if (has_stepped_down_) return;
  if (auto saved = save_leadership({false, leadership_.generation, false}, kLeaderFile); !saved) {
    return log::error("ops-meta does not step down: ", saved.error().message);
  }
  has_stepped_down_ = true;
  log::warning("ops-meta steps down, and stands by: ", why);
  wake_();
}

bool LeaderDesk::is_unsure() const {
  return is_pair_ && (is_unsure_ || Clock::now().time_since_epoch().count() > expected_at_);
}

void LeaderDesk::watch(const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any never;
  const auto expect_within = [&](Clock::duration time) { expected_at_ = (Clock::now() + time).time_since_epoch().count(); };
  while (!stop.stop_requested() && !has_stepped_down_) {
    if (is_unsure()) is_unsure_ = true;
    expect_within(kLongestRequest);
    const auto reply = peer_.get("/leader", stop);
    const auto other = reply && reply->status == 200 ? generation_in(reply->body) : std::nullopt;
    if (other && *other > leadership_.generation) step_down(cat(peer_.url(), " leads with generation ", *other));
    expect_within(kPause + kLongestGap);
    is_unsure_ = false;
    std::unique_lock lock(mutex);
    never.wait_for(lock, stop, kPause, [] { return false; });
  }
}

}  // namespace ops::meta
