#include "meta/reports/config_change.h"

#include <algorithm>

#include "common/base/number_text.h"
#include "common/base/text.h"
#include "common/protocol/status.h"
#include "meta/reports/version_order.h"

namespace ops::meta {

namespace {

constexpr uint32_t kFewHosts = 10;      // a change for the worse on so few hosts needs no --yes
constexpr uint32_t kSmallShare = 10;    // percent of the hosts; the same
constexpr size_t kChecksumDigits = 32;  // of an `md5` that is no URL

bool is_loss(Effect effect) { return effect == Effect::stop || effect == Effect::drop || effect == Effect::older; }
bool is_dangerous(Effect effect) { return is_loss(effect) || effect == Effect::content; }
bool is_harmless(Effect effect) { return effect == Effect::install || effect == Effect::start; }

/// The effect of `after` on a host that has the agent as `real`; nullopt if there is none, or if `before` has it, too. A null
/// pointer stands for a config that does not name the agent.
std::optional<Effect> effect_of(const DesiredAgent* before, const DesiredAgent* after, const std::optional<AgentView>& real) {
  const bool is_running = real && to_status(real->status) == Status::started;
  const std::string_view cmd_before = before == nullptr ? std::string_view{} : before->cmd;
  if (after == nullptr || after->cmd.empty()) {
    return is_running && cmd_before == "start" ? std::optional(Effect::drop) : std::nullopt;
  }
  if (after->cmd == "stop") return is_running && cmd_before != "stop" ? std::optional(Effect::stop) : std::nullopt;
  const bool is_same_version = cmd_before == "start" && before->version == after->version;
  if (!real || real->version.empty()) return is_same_version ? std::nullopt : std::optional(Effect::install);
  if (real->version != after->version) {
    if (is_same_version) return std::nullopt;
    return is_older(after->version, std::string(real->version)) ? Effect::older : Effect::replace;
  }
  if (cmd_before == "stop") return Effect::start;
  if (!is_same_version) return std::nullopt;
  if (before->md5 != after->md5 && is_hex(after->md5, kChecksumDigits)) return Effect::content;
  const bool is_same_place =
      before->md5 == after->md5 && before->tarball == after->tarball && before->mirrors == after->mirrors;
  return is_same_place ? std::nullopt : std::optional(Effect::url);
}

std::string line_of(const ConfigChange::Key& key, const HostsOf& hosts) {
  const auto& [effect, agent, from, to] = key;
  const std::string on = counted(hosts.count, "host");
  std::string like;
  for (const std::string& host : hosts.examples) like += cat(like.empty() ? ", like " : ", ", host);
  switch (effect) {
    case Effect::stop: return cat(agent, " stops on ", on, like);
    case Effect::drop:
      return cat(agent, to.empty() ? " is no longer in the config: " : " has an empty cmd: ", on,
                 hosts.count == 1 ? " keeps" : " keep", " running it, but ops-updater does not manage it", like);
    case Effect::older: return cat(agent, " goes back from ", from, " to ", to, " on ", on, like);
    case Effect::content: return cat(agent, " ", to, " is replaced by other content (md5) on ", on, like);
    case Effect::url: return cat(agent, " ", to, " gets another tarball or md5 URL for ", on, like);
    case Effect::replace: return cat(agent, " changes from ", from, " to ", to, " on ", on, like);
    case Effect::install: return cat(agent, " ", to, " is installed on ", on, like);
    case Effect::start: return cat(agent, " ", to, " is started again on ", on, like);
  }
  return "";
}

std::string_view name_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::go: return "go";
    case Verdict::ask: return "ask";
    case Verdict::refuse: return "refuse";
  }
  return "";
}

/// Hosts that change to a release, by agent and version.
std::map<std::pair<std::string, std::string>, uint32_t> rollouts_of(const ConfigChange& change) {
  std::map<std::pair<std::string, std::string>, uint32_t> rollouts;
  for (const auto& [key, hosts] : change.effects) {
    const auto& [effect, agent, from, to] = key;
    if (effect == Effect::older || effect == Effect::content || effect == Effect::replace || effect == Effect::install)
      rollouts[{agent, to}] += hosts.count;
  }
  return rollouts;
}

}  // namespace

ConfigChange ConfigChange::of_agent(const std::string& agent) const {
  ConfigChange part;
  for (const auto& [key, hosts_of_it] : effects) {
    if (std::get<1>(key) == agent) part.effects.emplace(key, hosts_of_it);
  }
  return part;
}

Verdict ConfigChange::verdict() const {
  if (losing > kFewHosts && uint64_t{losing} * 100 > uint64_t{hosts} * kSmallShare) return Verdict::refuse;
  return touched > 1 ? Verdict::ask : Verdict::go;
}

std::vector<std::string> lines_of(const ConfigChange& change, bool dangerous_only) {
  std::vector<std::pair<const ConfigChange::Key*, const HostsOf*>> order;
  for (const auto& [key, hosts] : change.effects) {
    if (!dangerous_only || is_dangerous(std::get<Effect>(key))) order.emplace_back(&key, &hosts);
  }
  std::stable_sort(order.begin(), order.end(), [](const auto& a, const auto& b) {
    return std::get<Effect>(*a.first) != std::get<Effect>(*b.first) ? std::get<Effect>(*a.first) < std::get<Effect>(*b.first)
                                                                    : a.second->count > b.second->count;
  });
  std::vector<std::string> lines;
  for (size_t i = 0; i < std::min(order.size(), kMaxEffectLines); ++i)
    lines.push_back(line_of(*order[i].first, *order[i].second));
  if (order.size() > kMaxEffectLines) lines.push_back(cat("and ", order.size() - kMaxEffectLines, " more; see ./control plan"));
  return lines;
}

std::string to_counts(const ConfigChange& change) {
  std::string text = cat("verdict ", name_of(change.verdict()), "\nhosts ", change.hosts, "\nstopped ", change.of(Effect::stop),
                         "\ndropped ", change.of(Effect::drop), "\nolder ", change.of(Effect::older), "\ncontent ",
                         change.of(Effect::content), "\nlosing ", change.losing, "\ntouched ", change.touched, "\n");
  for (const auto& [release, hosts] : rollouts_of(change)) {
    text += cat("rollout ", release.first, " ", release.second, " ", hosts, "\n");
  }
  text += cat("\n", counted(change.hosts, "host"), change.hosts == 1 ? " is" : " are", " known. ");
  if (change.changed == 0) return text + "The new config changes nothing on them.\n";
  text += cat("The new config changes ", grouped(change.changed), " of them:\n");
  for (const std::string& line : lines_of(change)) text += cat("  ", line, "\n");
  return text;
}

ConfigChangeScanner::ConfigChangeScanner(const HostTable& hosts, std::shared_ptr<const Assignments> in_force,
                                         std::shared_ptr<const Assignments> fresh)
    : in_force_(std::move(in_force)),
      fresh_(std::move(fresh)),
      assigned_(in_force_->config()->agents.size()),
      walk_(hosts, in_force_->config()->agents.size() + fresh_->config()->agents.size()) {
  const Config& old = *in_force_->config();
  const Config& now = *fresh_->config();
  for (const AgentConfig& agent : now.agents) {
    const AgentConfig* before = find_agent(old, agent.defaults.name);
    before_.push_back(before == nullptr ? std::nullopt : std::optional(static_cast<size_t>(before - old.agents.data())));
  }
  for (size_t i = 0; i < old.agents.size(); ++i) {
    if (find_agent(now, old.agents[i].defaults.name) == nullptr) dropped_.push_back(i);
  }
}

bool ConfigChangeScanner::step() {
  return walk_.step([this](const HostView& host) { examine(host); });
}

void ConfigChangeScanner::examine(const HostView& host) {
  std::array<bool, kEffects> found{};
  const auto compare = [&](const DesiredAgent* before, const DesiredAgent* after) {
    const std::string& name = (after == nullptr ? before : after)->name;
    const auto real = host.agent(name);
    const auto effect = effect_of(before, after, real);
    if (!effect) return;
    found[static_cast<size_t>(*effect)] = true;
    const bool has_versions = *effect != Effect::stop && after != nullptr;
    change_
        .effects[{*effect, name, has_versions && real && *effect != Effect::drop ? std::string(real->version) : "",
                  has_versions ? after->version : ""}]
        .add(host.name());
  };
  in_force_->visit(host.name(), [&](size_t agent, const DesiredAgent& desired) { assigned_[agent] = desired; });
  for (const size_t agent : dropped_) compare(&assigned_[agent], nullptr);
  fresh_->visit(host.name(), [&](size_t agent, const DesiredAgent& desired) {
    compare(before_[agent] ? &assigned_[*before_[agent]] : nullptr, &desired);
  });
  bool is_losing = false;
  bool is_touched = false;
  bool is_changed = false;
  for (size_t i = 0; i < kEffects; ++i) {
    if (!found[i]) continue;
    ++change_.affected[i];
    is_changed = true;
    is_losing = is_losing || is_loss(static_cast<Effect>(i));
    is_touched = is_touched || !is_harmless(static_cast<Effect>(i));
  }
  ++change_.hosts;
  change_.losing += is_losing ? 1 : 0;
  change_.touched += is_touched ? 1 : 0;
  change_.changed += is_changed ? 1 : 0;
}

}  // namespace ops::meta
