#include "meta/reports/metrics.h"

#include <algorithm>

#include "meta/reports/standstill.h"

namespace ops::meta {

namespace {

constexpr std::string_view kOther = "other";

NamedReleases::Names names_in(const Config& config) {
  NamedReleases::Names names;
  for (const AgentConfig& agent : config.agents) {
    names.emplace(agent.defaults.name, versions_of(agent));
  }
  return names;
}

/// The counts of the releases with their own series, and the sums of the rest.
struct AgentCounts {
  std::map<std::string_view, ReleaseCounts> versions;
  ReleaseCounts other;
};
struct Counts {
  std::map<std::string_view, AgentCounts> agents;
  ReleaseCounts other;

  /// Calls visit(agent, version, counts) for each series, also for the sums.
  template <typename Visit>
  void each(const Visit& visit) const {
    for (const auto& [agent, of_agent] : agents) {
      for (const auto& [version, counts] : of_agent.versions) visit(agent, version, counts);
      visit(agent, kOther, of_agent.other);
    }
    visit(kOther, kOther, other);
  }
};

Counts count(const HostTable& hosts, const NamedReleases::Names& names) {
  Counts counts;
  for (const auto& [agent, versions] : names) {
    for (const std::string& version : versions) counts.agents[agent].versions[version];
  }
  hosts.visit_releases([&](std::string_view agent, std::string_view version, const ReleaseCounts& of_release) {
    const auto named = counts.agents.find(agent);
    if (named == counts.agents.end()) {
      counts.other += of_release;
      return;
    }
    const auto known = named->second.versions.find(version);
    (known == named->second.versions.end() ? named->second.other : known->second) += of_release;
  });
  return counts;
}

void add_agents(MetricsText& text, const Counts& counts) {
  text.begin("ops_meta_agent_hosts", MetricType::gauge,
             "Hosts with this version of the agent installed, by the status of its control script.");
  counts.each([&](std::string_view agent, std::string_view version, const ReleaseCounts& of) {
    text.add({{"agent", agent}, {"version", version}, {"state", "started"}}, of.started);
    text.add({{"agent", agent}, {"version", version}, {"state", "stopped"}}, of.stopped);
    text.add({{"agent", agent}, {"version", version}, {"state", "other"}}, of.hosts - of.started - of.stopped);
  });
  text.begin("ops_meta_agent_updates", MetricType::gauge,
             "Hosts that report an update to this version of the agent, by phase.");
  counts.each([&](std::string_view agent, std::string_view version, const ReleaseCounts& of) {
    for (const Phase phase : kPhases) {
      text.add({{"agent", agent}, {"version", version}, {"phase", to_word(phase)}}, of.in(phase));
    }
  });
}

struct Rollout {
  std::string_view agent;
  std::string_view version;
  RolloutState state;
  Standstill standstill;
};

std::vector<Rollout> rollouts_of(RolloutController& controller, const Config& config, const NamedReleases::Names& names,
                                 RolloutController::TimePoint now) {
  std::vector<Rollout> rollouts;
  for (const AgentConfig& agent : config.agents) {
    const auto named = names.find(agent.defaults.name);
    if (named == names.end()) continue;
    for (const std::string& version : named->second) {
      RolloutState state = controller.state(named->first, release_key(agent, version), agent.rollout, now);
      const Standstill standstill = standstill_of({agent, version, state, nullptr}, controller);
      rollouts.push_back({named->first, version, std::move(state), standstill});
    }
  }
  return rollouts;
}

void add_rollouts(MetricsText& text, const std::vector<Rollout>& rollouts) {
  const auto gauge = [&](std::string_view name, std::string_view help, const auto& number) {
    text.begin(name, MetricType::gauge, help);
    for (const Rollout& rollout : rollouts) {
      text.add({{"agent", rollout.agent}, {"version", rollout.version}}, static_cast<double>(number(rollout.state)));
    }
  };
  gauge("ops_meta_rollout_running", "Hosts that run the version past its probation.",
        [](const RolloutState& state) { return state.reports.running; });
  const auto peak = [](const RolloutState& state) { return state.reports.peak; };
  gauge("ops_meta_rollout_peak", "The most hosts that ever ran the version at once and had proved it.", peak);
  gauge("ops_meta_rollout_proven", "Deprecated name of ops_meta_rollout_peak.", peak);
  gauge("ops_meta_rollout_inflight", "Hosts that were told to change to the version and have not reported the result.",
        [](const RolloutState& state) { return state.leases.inflight; });
  gauge("ops_meta_rollout_stuck", "Hosts that were told to change to the version and cannot take it: their attempts fail.",
        [](const RolloutState& state) { return state.leases.stuck; });
  gauge("ops_meta_rollout_failed",
        "Hosts on which the version failed, at once or later, and hosts that did not report a result within the timeout.",
        [](const RolloutState& state) { return state.failed(); });
  const auto overdue = [](const RolloutState& state) { return state.leases.overdue; };
  gauge("ops_meta_rollout_overdue", "Of the failed hosts: hosts that did not report a result within the timeout.", overdue);
  gauge("ops_meta_rollout_silent", "Deprecated name of ops_meta_rollout_overdue.", overdue);
  gauge("ops_meta_rollout_soaking", "Of the running hosts: hosts that have not proved the version yet.",
        [](const RolloutState& state) { return state.reports.soaking; });
  gauge("ops_meta_rollout_soaked", "Of the running hosts: hosts that have proved the version.",
        [](const RolloutState& state) { return state.soaked(); });
  text.begin("ops_meta_rollout_late", MetricType::gauge, "Hosts in trouble after they ran the version past its probation.");
  for (const Rollout& rollout : rollouts) {
    for (const Trouble trouble : kTroubles) {
      text.add({{"agent", rollout.agent}, {"version", rollout.version}, {"trouble", to_word(trouble)}},
               rollout.state.reports.troubled[static_cast<size_t>(trouble)]);
    }
  }
  gauge("ops_meta_rollout_halted_by_hand", "1 while an operator has halted the version.",
        [](const RolloutState& state) { return state.order == Order::halt ? 1 : 0; });
  gauge("ops_meta_rollout_halted", "1 while the version is halted: no further host changes to it.",
        [](const RolloutState& state) { return state.is_halted ? 1 : 0; });
}

void add_standstills(MetricsText& text, const std::vector<Rollout>& rollouts) {
  text.begin("ops_meta_rollout_state", MetricType::gauge, "1 for the state that a rollout is in: why it does not move.");
  for (const Rollout& rollout : rollouts) {
    for (const Standstill standstill : kStandstills) {
      if (standstill == Standstill::no_host) continue;  // known by a scan of all hosts only
      text.add({{"agent", rollout.agent}, {"version", rollout.version}, {"state", to_word(standstill)}},
               rollout.standstill == standstill ? 1 : 0);
    }
  }
}

void add_requests(MetricsText& text, const MetaCounters& counters) {
  text.add("ops_meta_heartbeats_total", MetricType::counter, "Heartbeats with a valid token, or all if no token is needed.",
           static_cast<double>(counters.heartbeats.counts().total));
  text.add("ops_meta_heartbeat_duration_seconds", "Time to answer a heartbeat, without the network.", counters.heartbeats);
  text.add("ops_meta_heartbeat_agents_left_out_total", MetricType::counter,
           "Agents left out of heartbeats for an invalid name or version.", static_cast<double>(counters.left_out));
  text.begin("ops_meta_requests_refused_total", MetricType::counter, "Refused requests.");
  const auto refused = [&](std::string_view request, std::string_view reason, const Counter& count) {
    text.add({{"request", request}, {"reason", reason}}, static_cast<double>(count));
  };
  refused("heartbeat", "unauthorized", counters.unauthorized);
  refused("heartbeat", "malformed", counters.malformed);
  refused("heartbeat", "no-room", counters.no_room);
  refused("download", "busy", counters.downloads_refused);
  refused("listing", "busy", counters.listings_refused);
  text.add("ops_meta_downloads_total", MetricType::counter, "Downloads of files larger than 64 KB, counted at their begin.",
           static_cast<double>(counters.downloads));
  text.add("ops_meta_sent_file_bytes_total", MetricType::counter, "Bytes of files sent.",
           static_cast<double>(counters.http.file_bytes));
  const TlsServer::Handshakes handshakes = counters.tls == nullptr ? TlsServer::Handshakes() : counters.tls->handshakes();
  text.begin("ops_meta_tls_handshakes_total", MetricType::counter, "TLS handshakes since the last reload.");
  text.add({{"session", "new"}}, static_cast<double>(handshakes.all - handshakes.resumed));
  text.add({{"session", "resumed"}}, static_cast<double>(handshakes.resumed));
  text.add("ops_meta_connections", MetricType::gauge, "Open connections.", static_cast<double>(counters.http.connections));
}

void add_site(MetricsText& text, const MetaCounters& counters, const HostTable& hosts, const Config& config) {
  text.add("ops_meta_hosts", MetricType::gauge, "Hosts in the table: with a heartbeat in the last three days.",
           static_cast<double>(hosts.size()));
  text.add("ops_meta_duplicate_hosts", MetricType::gauge, "Hostnames under which two machines send heartbeats.",
           static_cast<double>(hosts.duplicates().count));
  if (const int64_t silent = counters.silent_hosts; silent >= 0) {
    text.add("ops_meta_silent_hosts", MetricType::gauge,
             "Hosts in the table without a heartbeat for more than three intervals, counted every 10 s.",
             static_cast<double>(silent));
  }
  text.add("ops_meta_max_hosts", MetricType::gauge, "The config's maxHosts.", static_cast<double>(config.max_hosts));
  text.add("ops_meta_table_bytes", MetricType::gauge, "Memory of the hosts' records, as its limit counts it.",
           static_cast<double>(hosts.bytes()));
  text.add("ops_meta_config_reload_failures_total", MetricType::counter, "Reloads that failed because of a bad config.",
           static_cast<double>(counters.bad_reloads));
  text.add("ops_meta_config_last_reload_failed", MetricType::gauge,
           "1 while the config on disk is bad and an older one is in force.", counters.is_reload_bad ? 1 : 0);
}

void add_totals(MetricsText& text, const RolloutController& controller) {
  text.add("ops_meta_rollout_grants_total", MetricType::counter,
           "Leases granted: how many times a host was told to change to a version.",
           static_cast<double>(controller.leases().granted()));
  text.add("ops_meta_rollout_halts_total", MetricType::counter, "How many times a version was halted.",
           static_cast<double>(controller.halts()));
}

}  // namespace

void NamedReleases::note(const Config& config) {
  Names fresh = names_in(config);
  std::erase_if(earlier_, [&](const auto& entry) { return !fresh.contains(entry.first); });
  for (const auto& [agent, versions] : current_) {
    const auto still = fresh.find(agent);
    if (still == fresh.end()) continue;
    for (const std::string& version : versions) {
      if (still->second.contains(version)) continue;
      std::erase(earlier_[agent], version);
      earlier_[agent].push_front(version);
    }
  }
  current_ = std::move(fresh);
  names_.clear();
  size_t left = kMaxReleases;
  const auto take = [&](const std::string& agent, const std::string& version) {
    if (left == 0 || agent == kOther || version == kOther) return;  // such a series would look like a sum
    if (names_[agent].insert(version).second) --left;
  };
  for (const auto& [agent, versions] : current_) {
    for (const std::string& version : versions) take(agent, version);
  }
  for (auto& [agent, versions] : earlier_) {
    if (versions.size() > kEarlier) versions.resize(kEarlier);
    for (const std::string& version : versions) take(agent, version);
  }
}

std::string metrics_text(const MetaCounters& counters, const HostTable& hosts, RolloutController& controller,
                         const Config& config, const NamedReleases::Names& names, RolloutController::TimePoint now) {
  MetricsText text;
  add_site(text, counters, hosts, config);
  add_agents(text, count(hosts, names));
  const std::vector<Rollout> rollouts = rollouts_of(controller, config, names, now);
  add_rollouts(text, rollouts);
  add_standstills(text, rollouts);
  add_totals(text, controller);
  add_requests(text, counters);
  text.add_process("ops_meta");
  return text.text();
}

}  // namespace ops::meta
