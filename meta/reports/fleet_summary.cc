#include "meta/reports/fleet_summary.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "common/base/clock.h"
#include "common/base/json_writer.h"
#include "common/base/version.h"
#include "meta/reports/local_times.h"
#include "meta/reports/pace.h"

namespace ops::meta {

namespace {

using Json = nlohmann::ordered_json;

constexpr size_t kListedErrors = 10;  // per release
constexpr size_t kBarWidth = 30;      // characters

double with_one_digit(double number) { return std::round(number * 10) / 10; }

std::string dump(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

void append_counts(std::string& to, const ReleaseCounts& counts) {
  to += '{';
  append_json_member(to, "hosts", counts.hosts);
  append_json_member(to, "started", counts.started);
  append_json_member(to, "stopped", counts.stopped);
  append_json_member(to, "other", counts.hosts - counts.started - counts.stopped);
  to += R"(,"updates":{)";
  for (const Phase phase : kPhases) {
    if (counts.in(phase) > 0) append_json_member(to, to_word(phase), counts.in(phase));
  }
  to += "}}";
}

/// `listed` is the number of versions listed so far, of all agents.
void append_agent(std::string& to, const std::map<std::string, ReleaseCounts>& versions, size_t& listed) {
  std::vector<std::pair<std::string_view, const ReleaseCounts*>> order;
  for (const auto& [version, counts] : versions) order.emplace_back(version, &counts);
  std::stable_sort(order.begin(), order.end(), [](const auto& a, const auto& b) { return a.second->hosts > b.second->hosts; });
  const size_t count = std::min({order.size(), kMaxListedVersions, kMaxListedReleases - listed});
  listed += count;
  to += R"({"versions":{)";
  ReleaseCounts others;
  for (size_t i = 0; i < order.size(); ++i) {
    if (i >= count) {
      others += *order[i].second;
      continue;
    }
    if (i > 0) to += ',';
    append_json_string(to, order[i].first);
    to += ':';
    append_counts(to, *order[i].second);
  }
  to += '}';
  if (count < order.size()) {
    to += R"(,"others":)";
    append_counts(to, others);
  }
  to += '}';
}

Json json_of(const ReleaseSummary& release) {
  const RolloutState& state = release.state;
  Json errors = Json::array();
  for (size_t i = 0; i < std::min(release.scan.errors.size(), kListedErrors); ++i) {
    const auto& [text, hosts] = release.scan.errors[i];
    errors.push_back({{"error", text}, {"hosts", hosts.count}, {"examples", hosts.examples}});
  }
  Json late = Json::object();
  Json late_hosts = Json::object();
  Json control = Json::object();
  for (const Trouble trouble : kTroubles) {
    const auto index = static_cast<size_t>(trouble);
    late[to_word(trouble)] = state.reports.troubled[index];
    late_hosts[to_word(trouble)] = release.scan.late[index].examples;
    control[to_word(trouble)] = {{"hosts", state.reports.control.of(trouble)}, {"troubled", state.reports.control.in(trouble)}};
  }
  const auto left = release.time_left();
  return {{"desired", release.scan.assigned},
          {"running", state.reports.running},
          {"peak", state.reports.peak},
          {"inflight", state.leases.inflight},
          {"failed", state.failed()},
          {"overdue", state.leases.overdue},
          {"soaking", state.reports.soaking},
          {"soaked", state.soaked()},
          {"late", std::move(late)},
          {"lateHosts", std::move(late_hosts)},
          {"control", std::move(control)},
          {"waiting", release.scan.waiting},
          {"absent", release.scan.absent},
          {"onHold", release.scan.held},
          {"stuck", state.leases.stuck},
          {"halted", state.is_halted},
          {"why", release.why_halted},
          {"haltedSince", state.halted_since == 0 ? Json(nullptr) : Json(state.halted_since)},
          {"failedHosts", cat("/status/text/", release.agent, "?failed=", release.version)},
          {"state", to_word(release.standstill)},
          {"waits", release.waits},
          {"byHand", !state.order                  ? ""
                     : *state.order == Order::halt ? "halted"
                                                   : "resumed"},
          {"perMinute", with_one_digit(release.per_minute)},
          {"secondsLeft", left ? Json(left->count()) : Json(nullptr)},
          {"errors", std::move(errors)},
          // The earlier names of peak, overdue and waiting, deprecated:
          {"proven", state.reports.peak},
          {"silent", state.leases.overdue},
          {"held", release.scan.waiting}};
}

void append_agents(std::string& to, const Summary& agents) {
  to += '{';
  size_t listed = 0;
  for (const auto& [agent, versions] : agents) {
    if (!to.ends_with('{')) to += ',';
    append_json_string(to, agent);
    to += ':';
    append_agent(to, versions, listed);
  }
  to += '}';
}

/// "h1, h2, h3 …"
std::string named(const HostsOf& hosts) {
  std::string text;
  for (const std::string& host : hosts.examples) text += cat(text.empty() ? "" : ", ", host);
  return text + (hosts.count > hosts.examples.size() ? " …" : "");
}

/// The lines about a halt: why, since when, the hosts that failed, and the ways out.
std::string halt_of(const ReleaseSummary& release) {
  const RolloutState& state = release.state;
  const std::string since = time_text(state.halted_since);
  std::string text = cat("    halted: ", release.why_halted, since.empty() ? "" : ", since ", since, "\n");
  if (state.failed() > 0) {
    text += cat("    failed hosts: curl META:2000/status/text/", release.agent, "?failed=", release.version, "\n");
  }
  text += cat("    to continue", state.order == Order::halt ? "" : " in spite of failures", ": ./control resume ",
              release.agent, " ", release.version, "\n");
  return text + "    to give it up: name another version in cfg.json, then ./control reload\n";
}

/// "    died later: h1, h2 …; other hosts: 3 of 950\n"; "" without such hosts.
std::string late_of(const ReleaseSummary& release, Trouble trouble) {
  const HostsOf& hosts = release.scan.late[static_cast<size_t>(trouble)];
  if (hosts.count == 0) return "";
  const Cohort& control = release.state.reports.control;
  return cat("    ", to_word(trouble), " later: ", named(hosts), "; other hosts: ", grouped(control.in(trouble)), " of ",
             grouped(control.of(trouble)), "\n");
}

uint32_t percent_of(uint32_t part, uint32_t whole) {
  return whole == 0 ? 0 : static_cast<uint32_t>(std::min<uint64_t>(100, uint64_t{100} * part / whole));
}

std::string bar(uint32_t percent) {
  const size_t full = kBarWidth * percent / 100;
  return cat("[", std::string(full, '#'), std::string(kBarWidth - full, '.'), "] ", percent, " %  ");
}

}  // namespace

std::string rough(std::chrono::seconds time) {
  const auto seconds = time.count();
  if (seconds < 120) return cat(seconds, " s");
  if (seconds < 120 * 60) return cat(seconds / 60, " min");
  const auto tenths = seconds / 360;
  return cat(tenths / 10, ".", tenths % 10, " h");
}

std::optional<std::chrono::seconds> ReleaseSummary::time_left() const {
  if (to_go() == 0) return std::chrono::seconds(0);
  const uint32_t left = state.leases.inflight + scan.waiting;
  if (state.is_halted || left == 0 || (scan.waiting == 0 && !has_fresh_lease)) return std::nullopt;
  return meta::time_left({state.reports.running, left, slots, per_minute / 60, measured, soak});
}

std::string to_json(const FleetSummary& summary, const HostTable& hosts) {
  const FleetScan& scan = *summary.scan;
  std::string json = "{";
  const auto add = [&json](std::string_view key, const Json& value) {
    if (!json.ends_with('{')) json += ',';
    append_json_key(json, key);
    json += dump(value);
  };
  add("hosts", hosts.size());
  json += R"(,"agents":)";
  append_agents(json, hosts.summary());
  add("now", to_wall_seconds(summary.now));
  add("version", version());
  add("heartbeats", {{"total", summary.heartbeats}, {"perSecond", with_one_digit(summary.heartbeats_per_second)}});
  if (!scan.oldest_host.empty())
    add("oldest", {{"host", scan.oldest_host}, {"heardAt", to_wall_seconds(scan.oldest_heard_at)}});
  add("silent", {{"hosts", scan.silent.count}, {"examples", scan.silent.examples}});
  const DuplicateNames::Found duplicates = hosts.duplicates();
  add("duplicates", {{"hosts", duplicates.count}, {"examples", duplicates.examples}});
  Json refused = Json::array();
  for (const ThrottledLog::Note& note : summary.refused.latest) {
    refused.push_back({{"peer", note.subject}, {"at", to_wall_seconds(note.at)}, {"why", note.text}});
  }
  add("refused", {{"total", summary.refused.total}, {"peers", summary.refused.subjects}, {"examples", std::move(refused)}});
  if (summary.change) {
    const ConfigChange& change = summary.change->change;
    add("change", {{"at", to_wall_seconds(summary.change->at)},
                   {"hosts", change.hosts},
                   {"stopped", change.of(Effect::stop)},
                   {"dropped", change.of(Effect::drop)},
                   {"older", change.of(Effect::older)},
                   {"content", change.of(Effect::content)},
                   {"effects", lines_of(change, true)}});
  }
  add("lookedAt", to_wall_seconds(scan.taken_at));
  Json rollouts = Json::object();
  for (const ReleaseSummary& release : summary.releases) rollouts[release.agent][release.version] = json_of(release);
  add("rollouts", rollouts);
  return json += '}';
}

std::string to_json(const ReleaseSummary& release) { return dump(json_of(release)); }

std::string to_text(const ReleaseSummary& release) {
  const RolloutState& state = release.state;
  std::string text = cat("runs on ", grouped(state.reports.running), " of ", counted(release.scan.assigned, "host"));
  std::string rest;
  const auto add = [&rest](uint32_t count, std::string_view what) {
    if (count > 0) rest += cat(rest.empty() ? "" : ", ", grouped(count), what);
  };
  add(state.leases.inflight, " updating");
  add(state.leases.stuck, " cannot take it");
  add(release.scan.waiting, " wait");
  add(state.failed(), " failed");
  add(state.reports.soaking, " soak");
  for (const Trouble trouble : kTroubles) {
    add(state.reports.troubled[static_cast<size_t>(trouble)], cat(" ", to_word(trouble), " later"));
  }
  add(release.scan.absent, " are silent");
  add(release.scan.held, " held");
  if (!rest.empty()) text += cat("; ", rest);
  if (release.to_go() == 0 || release.per_minute <= 0) return text;
  text += cat("; ", grouped(static_cast<uint64_t>(std::llround(release.per_minute))), " a minute");
  if (const auto left = release.time_left()) text += cat(", ", rough(*left), " left");
  return text;
}

std::string to_text(const FleetSummary& summary, Bars bars) {
  const FleetScan& scan = *summary.scan;
  std::string text = cat(counted(summary.hosts, "host"), ", ",
                         grouped(static_cast<uint64_t>(std::llround(summary.heartbeats_per_second))), " heartbeats/s");
  if (scan.silent.count > 0) text += cat(", ", grouped(scan.silent.count), " silent: ", named(scan.silent));
  if (summary.refused.subjects > 0) {
    const auto& [peer, why, at] = summary.refused.latest[0];
    text += cat("; heartbeats refused from ", peer, " (", why, ")");
    if (summary.refused.subjects > 1) text += cat(" and ", grouped(summary.refused.subjects - 1), " more");
  }
  text += '\n';
  if (summary.change) {
    text += "config change at ";
    LocalTimes().append(text, to_wall_seconds(summary.change->at));
    text += '\n';
    for (const std::string& line : lines_of(summary.change->change, true)) text += cat("    ", line, "\n");
  }
  for (const ReleaseSummary& release : summary.releases) {
    const uint32_t percent = percent_of(release.state.reports.running, release.scan.assigned);
    text += cat(release.agent, " ", release.version, "  ", bars == Bars::yes ? bar(percent) : "", to_text(release), "\n");
    if (release.state.is_halted) {
      text += halt_of(release);
    } else if (!release.waits.empty()) {
      text += cat("    waits: ", release.waits, "\n");
    }
    if (release.state.order == Order::resume) text += "    resumed by hand: failures do not halt it\n";
    for (const Trouble trouble : kTroubles) text += late_of(release, trouble);
    for (size_t i = 0; i < std::min(release.scan.errors.size(), kListedErrors); ++i) {
      const auto& [error, hosts] = release.scan.errors[i];
      text += cat("    ", grouped(hosts.count), " x ", error, " (", named(hosts), ")\n");
    }
  }
  return text;
}

}  // namespace ops::meta
