#include "meta/reports/preview.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "common/base/number_text.h"
#include "common/protocol/release.h"
#include "common/protocol/status.h"
#include "common/protocol/url.h"
#include "meta/reports/version_order.h"

namespace ops::meta {

namespace {

using Json = nlohmann::ordered_json;

std::string or_none(const std::string& version) { return version.empty() ? "(none)" : version; }

std::string place_of(const Override& entry, size_t index) {
  std::string place = cat("others[", index, "]");
  place += entry.prefix.empty() ? ", all hosts" : cat(", hosts ", one_line(entry.prefix, 100), "*");
  return entry.percent < 100 ? cat(place, ", ", entry.percent, " %") : place;
}

std::string like(const HostsOf& hosts) {
  std::string text;
  for (const std::string& host : hosts.examples) text += cat(text.empty() ? ", like " : ", ", host);
  return text;
}

std::string hosts_of(uint64_t count) { return counted(count, "host"); }
/// The host has the version, and would install it again with other content.
bool changes_content(const AgentView& real, const DesiredAgent* before, const DesiredAgent& after) {
  const std::string checksum = given_checksum(after);
  if (checksum.empty()) return false;
  if (!real.md5.empty()) return real.md5 != checksum;
  return before != nullptr && before->version == after.version && given_checksum(*before) != checksum;
}

std::string shown(const std::string& url) { return url.empty() ? "(none)" : without_secrets(url); }

/// All base URLs of the agent, in one line.
std::string shown_tarball(const DesiredAgent& agent) {
  std::string text = shown(agent.tarball);
  for (const std::string& mirror : agent.mirrors) text += cat(", ", without_secrets(mirror));
  return text;
}

/// Takes URLs whose secrets are masked.
void add_url(const char* what, const std::string& before, const std::string& after, std::string_view host,
             AgentPreview& preview) {
  preview
      .urls[before == after ? cat(what, " ", after, " with another password or query") : cat(what, " ", before, " -> ", after)]
      .add(host);
}

}  // namespace

Previewer::Previewer(const HostTable& hosts, std::shared_ptr<const Assignments> in_force,
                     std::shared_ptr<const Assignments> fresh)
    : hosts_(hosts),
      in_force_(std::move(in_force)),
      fresh_(std::move(fresh)),
      walk_(hosts, in_force_->config()->agents.size() + fresh_->config()->agents.size()) {
  const Config& old = *in_force_->config();
  for (const AgentConfig& agent : fresh_->config()->agents) {
    const AgentConfig* before = find_agent(old, agent.defaults.name);
    before_.push_back(before == nullptr ? std::nullopt : std::optional(static_cast<size_t>(before - old.agents.data())));
    AgentPreview& preview = preview_.agents.emplace_back(agent.defaults.name, AgentPreview{}).second;
    for (size_t i = 0; i < agent.others.size(); ++i) preview.overrides.push_back({place_of(agent.others[i], i)});
  }
  assigned_.resize(in_force_->config()->agents.size());
}

bool Previewer::step() {
  return walk_.step([this](const HostView& host) { examine(host); });
}

void Previewer::examine(const HostView& host) {
  ++preview_.hosts;
  in_force_->visit(host.name(), [&](size_t agent, const DesiredAgent& desired) { assigned_[agent] = desired; });
  fresh_->visit(host.name(), [&](size_t agent, const DesiredAgent& desired) {
    compare(host, before_[agent] ? &assigned_[*before_[agent]] : nullptr, desired, preview_.agents[agent].second);
  });
  for (const Assignments::OverrideIndex& index : fresh_->overrides_of(host.name())) {
    AgentPreview::Reach& reach = preview_.agents[index.agent].second.overrides[index.entry];
    ++reach.matched;
    if (fresh_->applies(index, host.name())) ++reach.applied;
  }
}

void Previewer::compare(const HostView& host, const DesiredAgent* before, const DesiredAgent& after, AgentPreview& preview) {
  const auto real = host.agent(after.name);
  const std::string_view has = real ? real->version : std::string_view{};
  if (before != nullptr && before->version == after.version) {
    if (before->tarball != after.tarball || before->mirrors != after.mirrors)
      add_url("tarball", shown_tarball(*before), shown_tarball(after), host.name(), preview);
    const bool is_url = given_checksum(*before).empty() && given_checksum(after).empty();
    if (is_url && before->md5 != after.md5) add_url("md5", shown(before->md5), shown(after.md5), host.name(), preview);
  }
  if (after.cmd == "start" && has != after.version) {
    AgentPreview::Move& move = preview.moves[{std::string(has), after.version}];
    move.hosts.add(host.name());
    if (before != nullptr && before->cmd == "start" && before->version == after.version) ++move.already;
  } else if (after.cmd == "start" && changes_content(*real, before, after)) {
    preview.contents.add(host.name());
    if (real->md5.empty()) ++preview.unclear_contents;
  } else if (after.cmd == "start" && before != nullptr && before->cmd == "stop") {
    preview.starts.add(host.name());
  } else if (after.cmd == "stop" && real && to_status(real->status) == Status::started) {
    preview.stops.add(host.name());
  } else {
    ++preview.unchanged;
  }
}

Preview Previewer::result() {
  const Summary seen = hosts_.summary();
  static const std::map<std::string, ReleaseCounts> kNone;
  for (size_t i = 0; i < preview_.agents.size(); ++i) {
    const auto found = seen.find(preview_.agents[i].first);
    add_warnings(fresh_->config()->agents[i], found == seen.end() ? kNone : found->second, preview_.agents[i].second);
  }
  for (const AgentConfig& agent : in_force_->config()->agents) {
    const std::string& name = agent.defaults.name;
    if (find_agent(*fresh_->config(), name) != nullptr) continue;
    ReleaseCounts counts;
    if (const auto found = seen.find(name); found != seen.end()) {
      for (const auto& [version, of_version] : found->second) counts += of_version;
    }
    preview_.warnings.push_back(
        cat(name, " is no longer in this config: ", hosts_of(counts.started),
            " keep running it, but ops-updater does not manage it; to stop it, use \"cmd\": \"stop\" first"));
  }
  return std::move(preview_);
}

void Previewer::add_warnings(const AgentConfig& config, const std::map<std::string, ReleaseCounts>& seen,
                             AgentPreview& preview) const {
  std::map<std::string, uint64_t> new_to;  // hosts that change to a version
  for (const auto& [versions, move] : preview.moves) {
    const auto& [from, to] = versions;
    new_to[to] += move.hosts.count;
    if (from.empty() || !is_older(to, from)) continue;
    preview.warnings.push_back(cat(from, " -> ", to, " is a downgrade, on ", hosts_of(move.hosts.count)));
  }
  for (const auto& [version, hosts] : new_to) {
    const auto known = seen.find(version);
    if (hosts < preview_.hosts || (known != seen.end() && known->second.hosts > 0)) continue;
    preview.warnings.push_back(cat("no host has ", version, " yet, and every host would change to it",
                                   config.rollout.parallel == 0 ? ", all at once" : ", first one host, then more",
                                   "; check the version, or try it on a share with \"others\": [{\"percent\": 1, …}]"));
  }
  if (preview.unclear_contents > 0) {
    preview.warnings.push_back(cat(hosts_of(preview.unclear_contents), " report no md5 of their version",
                                   ": they install the other content at once, without a rollout"));
  }
  uint64_t started = 0;
  for (const auto& [version, counts] : seen) started += counts.started;
  if (preview.stops.count > 0 && preview.stops.count >= started) {
    preview.warnings.push_back(cat("would be stopped at once on all ", hosts_of(preview.stops.count), " that run it"));
  }
  for (const AgentPreview::Reach& reach : preview.overrides) {
    if (reach.applied == 0)
      preview.warnings.push_back(cat(reach.place, ": applies to none of the ", hosts_of(preview_.hosts), " known here"));
  }
}

std::string to_text(const Preview& preview) {
  std::string text = cat(hosts_of(preview.hosts), preview.hosts == 1 ? " is known.\n" : " are known.\n");
  for (const auto& [name, agent] : preview.agents) {
    text += cat("\n", name, "\n");
    for (const auto& [versions, move] : agent.moves) {
      text += cat("  ", or_none(versions.first), " -> ", versions.second, "  ", hosts_of(move.hosts.count), like(move.hosts));
      if (move.already > 0) text += cat("; ", grouped(move.already), " of them by the config in force, too");
      text += '\n';
    }
    if (agent.contents.count > 0) {
      text += cat("  the same version with other content  ", hosts_of(agent.contents.count), like(agent.contents), "\n");
    }
    for (const auto& [change, hosts] : agent.urls) {
      text += cat("  ", change, "  ", hosts_of(hosts.count), like(hosts), "; for the next download\n");
    }
    if (agent.starts.count > 0) text += cat("  started again  ", hosts_of(agent.starts.count), like(agent.starts), "\n");
    if (agent.stops.count > 0) text += cat("  stopped  ", hosts_of(agent.stops.count), like(agent.stops), "\n");
    text += cat("  no change  ", hosts_of(agent.unchanged), "\n");
    for (const AgentPreview::Reach& reach : agent.overrides) {
      text += cat("  ", reach.place, "  ", hosts_of(reach.applied));
      text += reach.applied == reach.matched ? "\n" : cat(" of ", grouped(reach.matched), "\n");
    }
    for (const std::string& warning : agent.warnings) text += cat("  warning: ", warning, "\n");
  }
  for (const std::string& warning : preview.warnings) text += cat("\nwarning: ", warning, "\n");
  return text;
}

std::string to_json(const Preview& preview) {
  Json agents = Json::object();
  for (const auto& [name, agent] : preview.agents) {
    Json moves = Json::array();
    for (const auto& [versions, move] : agent.moves) {
      moves.push_back({{"from", versions.first},
                       {"to", versions.second},
                       {"hosts", move.hosts.count},
                       {"already", move.already},
                       {"examples", move.hosts.examples}});
    }
    Json overrides = Json::array();
    for (const AgentPreview::Reach& reach : agent.overrides) {
      overrides.push_back({{"place", reach.place}, {"matched", reach.matched}, {"taken", reach.applied}});
    }
    Json urls = Json::array();
    for (const auto& [change, hosts] : agent.urls) urls.push_back({{"change", change}, {"hosts", hosts.count}});
    agents[name] = {{"moves", std::move(moves)},         {"contents", agent.contents.count}, {"urls", std::move(urls)},
                    {"started", agent.starts.count},     {"stopped", agent.stops.count},     {"noChange", agent.unchanged},
                    {"overrides", std::move(overrides)}, {"warnings", agent.warnings}};
  }
  const Json json = {{"hosts", preview.hosts}, {"agents", std::move(agents)}, {"warnings", preview.warnings}};
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace ops::meta
