// The handlers of the routes for operators; the table that lists them is in routes.cc.

#include "common/base/clock.h"
#include "common/base/log.h"
#include "meta/api/authorization.h"
#include "meta/api/busy.h"
#include "meta/api/routes.h"
#include "meta/reports/agent_names.h"
#include "meta/reports/agent_status.h"
#include "meta/reports/config_change.h"
#include "meta/reports/event_list.h"
#include "meta/reports/explain.h"
#include "meta/reports/fleet_summary.h"
#include "meta/reports/host_status.h"
#include "meta/reports/preview.h"
#include "meta/reports/rollout_result.h"
#include "meta/reports/sample_list.h"

namespace ops::meta {

namespace {

constexpr size_t kMaxListings = 32;  // at a time

HttpResponse unknown_host(const std::string& hostname) {
  return HttpResponse::text(404, cat("unknown host \"", one_line(hostname, 100), "\": ops-meta has no heartbeat from it\n"));
}

}  // namespace

HttpResponse Routes::status_text(const HttpRequest& request, const std::string& agent) {
  return status_of_agent(request, agent, false);
}

HttpResponse Routes::status_json(const HttpRequest& request, const std::string& agent) {
  return status_of_agent(request, agent, true);
}

HttpResponse Routes::status_of_agent(const HttpRequest& request, const std::string& agent, bool as_json) {
  if (agent.empty()) return HttpResponse::text(400, "agent name is blank\n");
  if (const std::string trouble = unknown_agent(agent, *config(), hosts_); !trouble.empty()) {
    return HttpResponse::text(404, trouble + "\n");
  }
  auto filter = StatusFilter::from_query(agent, request);
  if (!filter) return HttpResponse::text(400, filter.error().message + "\n");
  note_leases(*filter);
  if (as_json) return listing(HttpResponse::json(""), meta::status_json(hosts_, std::move(*filter)));
  return listing(HttpResponse::text(200, ""), meta::status_text(hosts_, std::move(*filter)));
}

void Routes::note_leases(StatusFilter& filter) const {
  filter.failed_by_lease = [this, agent = filter.agent, version = filter.failed](std::string_view host) {
    return controller_.leases().has_failed(agent, version, host);
  };
}

HttpResponse Routes::add_slash(const HttpRequest& request, const std::string& /*rest*/) {
  return HttpResponse::redirect(request.path + "/");
}

HttpResponse Routes::status_hosts(const HttpRequest& request, const std::string& /*rest*/) {
  auto page = page_from_query(request);
  if (!page) return HttpResponse::text(400, page.error().message + "\n");
  note_leases(*page);
  return listing(HttpResponse::json(""), meta::status_hosts(hosts_, std::move(*page)));
}

/// A listing takes a slot until it is sent.
HttpResponse Routes::listing(HttpResponse response, BodyStream stream) {
  auto slot = listings_.take(kMaxListings);
  if (!slot) {
    ++counters_.listings_refused;
    return retry_later(cat("at most ", kMaxListings, " listings at a time"), 1, 10);
  }
  response.stream = [slot = std::move(slot), stream = std::move(stream)](std::string& to) { return stream(to); };
  return response;
}

HttpResponse Routes::status_host(const HttpRequest& /*request*/, const std::string& hostname) {
  const auto host = hosts_.find(hostname);
  if (!host) return unknown_host(hostname);
  return HttpResponse::json(host_json(hostname, *host));
}

HttpResponse Routes::status_summary(const HttpRequest& request, const std::string& /*rest*/) {
  const std::string format = request.parameter("format");
  const bool as_json = format.empty() || format == "json";
  if (!as_json && format != "text" && format != "bars") return HttpResponse::text(400, "format is json, text or bars\n");
  const auto write = [this, as_json, bars = format == "bars" ? Bars::yes : Bars::no](const FleetSummary& summary) {
    return as_json ? to_json(summary, hosts_) : to_text(summary, bars);
  };
  HttpResponse response = as_json ? HttpResponse::json("") : HttpResponse::text(200, "");
  response.stream = reporter_.stream(write);
  return response;
}

/// `?agent=falcon-agent&version=3.1.3&hosts=95`; without a version, all that the config names.
HttpResponse Routes::status_rollout(const HttpRequest& request, const std::string& /*rest*/) {
  WatchedRollout watched{request.parameter("agent"), request.parameter("version"), {}};
  const auto config = this->config();
  const AgentConfig* agent = find_agent(*config, watched.agent);
  if (agent == nullptr) return HttpResponse::text(404, cat("cfg.json has no agent \"", one_line(watched.agent, 100), "\"\n"));
  if (const auto known = versions_of(*agent); !watched.version.empty() && !known.contains(watched.version)) {
    std::string list;
    for (const std::string& one : known) list += cat(list.empty() ? "" : ", ", one);
    return HttpResponse::text(
        404, cat("cfg.json has no version \"", one_line(watched.version, 100), "\" of ", watched.agent, ", only ", list, "\n"));
  }
  if (const std::string share = request.parameter("hosts"); !share.empty()) {
    const auto percent = parse_number(share);
    if (!percent || *percent < 1 || *percent > 100) {
      return HttpResponse::text(400, cat("hosts is \"", one_line(share, 100), "\", expected a percentage from 1 to 100\n"));
    }
    watched.share = static_cast<double>(*percent);
  }
  const bool as_json = request.parameter("format") == "json";
  HttpResponse response = as_json ? HttpResponse::json("") : HttpResponse::text(200, "");
  response.stream = reporter_.stream(
      [=](const FleetSummary& summary) { return as_json ? to_json(summary, watched) : to_text(summary, watched); });
  return response;
}

HttpResponse Routes::explain(const HttpRequest& request, const std::string& hostname) {
  const auto host = hosts_.find(hostname);
  if (!host) return unknown_host(hostname);
  const auto explanation = meta::explain(*assignments(), controller_, hostname, *host, steady_now());
  if (request.parameter("format") == "json") return HttpResponse::json(to_json(explanation));
  return HttpResponse::text(200, to_text(explanation));
}

/// `?since=1447000000123456&agent=falcon-agent&kind=halt&limit=100`
HttpResponse Routes::events(const HttpRequest& request, const std::string& /*rest*/) {
  const auto query = event_query(request);
  if (!query) return HttpResponse::text(400, query.error().message + "\n");
  const FoundEvents found = events_.find(*query);
  return request.parameter("format") == "log" ? HttpResponse::text(200, to_text(found)) : HttpResponse::json(to_json(found));
}

/// `?agent=falcon-agent&hours=24`
HttpResponse Routes::history(const HttpRequest& request, const std::string& /*rest*/) {
  const auto query = sample_query(request);
  if (!query) return HttpResponse::text(400, query.error().message + "\n");
  const auto now = steady_now();
  return HttpResponse::json(sampler_.read([&](const Samples& samples) {
    return to_json(samples, *query, std::chrono::system_clock::to_time_t(now), to_wall_seconds(now));
  }));
}

HttpResponse Routes::metrics(const HttpRequest& /*request*/, const std::string& /*rest*/) {
  NamedReleases::Names names;
  {
    const std::lock_guard lock(mutex_);
    names = named_releases_.names();
  }
  HttpResponse response;
  response.content_type = kMetricsType;
  response.body = metrics_text(counters_, hosts_, controller_, *config(), names, steady_now());
  return response;
}

HttpResponse Routes::plan(const HttpRequest& request, const std::string& /*rest*/) {
  ConfigReport report;
  Config fresh = parse_config(request.body, report);
  if (!report.ok()) return HttpResponse::text(400, report.text("the new config"));
  const std::string format = request.parameter("format");
  const bool as_json = format == "json";
  const auto after = std::make_shared<const Assignments>(std::make_shared<const Config>(std::move(fresh)));
  if (format == "counts") {
    const auto scanner = std::make_shared<ConfigChangeScanner>(hosts_, assignments(), after);
    return listing(HttpResponse::text(200, ""), [scanner](std::string& to) {
      if (scanner->step()) return true;
      to += to_counts(scanner->result());
      return false;
    });
  }
  const auto planner = std::make_shared<Previewer>(hosts_, assignments(), after);
  return listing(as_json ? HttpResponse::json("") : HttpResponse::text(200, ""),
                 [planner, as_json, warnings = std::move(report.warnings)](std::string& to) {
                   if (planner->step()) return true;
                   Preview plan = planner->result();
                   plan.warnings.insert(plan.warnings.begin(), warnings.begin(), warnings.end());
                   to += as_json ? to_json(plan) : to_text(plan);
                   return false;
                 });
}

HttpResponse Routes::halt(const HttpRequest& request, const std::string& /*rest*/) { return give_order(request, Order::halt); }

HttpResponse Routes::resume(const HttpRequest& request, const std::string& /*rest*/) {
  return give_order(request, Order::resume);
}

/// `?agent=falcon-agent&version=3.1.3`
HttpResponse Routes::give_order(const HttpRequest& request, Order order) {
  const std::string agent = request.parameter("agent");
  const std::string version = request.parameter("version");
  if (auto given = controller_.orders().give(*config(), agent, version, order); !given) {
    return HttpResponse::text(400, given.error().message + "\n");
  }
  const std::string outcome = cat(agent, " ", version, order == Order::halt ? " is halted" : " is resumed", " by hand");
  events_.add({order == Order::halt ? EventKind::halt_by_hand : EventKind::resume_by_hand, agent, version, "",
               client_of(request), outcome});
  log::warning(outcome, ", until the agent's entry in the config changes");
  return HttpResponse::text(200, outcome + ", until the agent's entry in cfg.json changes\n");
}

}  // namespace ops::meta
