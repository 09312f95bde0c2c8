#include "meta/hosts/releases.h"

#include <algorithm>

namespace ops::meta {

ReleaseCounts& ReleaseCounts::operator+=(const ReleaseCounts& other) {
  hosts += other.hosts;
  started += other.started;
  stopped += other.stopped;
  held += other.held;
  for (size_t i = 0; i < phases.size(); ++i) phases[i] += other.phases[i];
  return *this;
}

uint32_t ReleaseCounts::running() const { return started - std::min(started, in(Phase::probation) + held); }
uint32_t ReleaseCounts::broken() const { return in(Phase::failed) + in(Phase::rolled_back); }

Releases::Releases() : names_(kMaxAgentNames, kTooManyAgents), texts_(kMaxReleases, ""), facts_(1) {}

Releases::Id Releases::acquire(std::string_view agent, std::string_view version) {
  const StringInterner::Id name = names_.acquire(agent);
  Id id = kNone;
  if (name != StringInterner::kOverflow) id = texts_.acquire(join(agent, version));
  if (id == kNone) id = texts_.acquire(join(names_.text(name), kTooManyVersions), /*even_if_full=*/true);
  if (id == facts_.size()) facts_.emplace_back();
  while (hosts_by_agent_.size() <= name) hosts_by_agent_.push_back(0);
  if (facts_[id].is_new) {
    const auto remembered = remembered_.extract(texts_.text(id));
    facts_[id] = {name, false, remembered.empty() ? 0 : remembered.mapped(), {}, {}};
  } else {
    names_.release(name);
  }
  return id;
}

void Releases::release(Id id) {
  if (texts_.references(id) == 1) {
    remember(texts_.text(id), facts_[id].peak);
    names_.release(facts_[id].agent);
    facts_[id] = {};
  }
  texts_.release(id);
}

void Releases::update_peak(Id id) {
  Facts& facts = facts_[id];
  uint32_t unproven = facts.stages[static_cast<size_t>(Stage::soaking)];
  for (const Trouble trouble : kTroubles) unproven += facts.stages[static_cast<size_t>(to_stage(trouble))];
  const uint32_t running = facts.counts.running();
  facts.peak = std::max(facts.peak, running - std::min(running, unproven));
}

RolloutReports Releases::reports(std::string_view agent, std::string_view version) const {
  const Id id = find(agent, version);
  if (id == kNone) {
    RolloutReports unknown{.peak = peak(agent, version)};
    const StringInterner::Id name = names_.find(agent);
    if (name != StringInterner::kOverflow) unknown.others = hosts_by_agent_[name];
    return unknown;
  }
  const Facts& facts = facts_[id];
  RolloutReports reports{.running = facts.counts.running(), .peak = facts.peak, .broken = facts.counts.broken()};
  reports.soaking = facts.stages[static_cast<size_t>(Stage::soaking)];
  for (const Trouble trouble : kTroubles) {
    reports.troubled[static_cast<size_t>(trouble)] = facts.stages[static_cast<size_t>(to_stage(trouble))];
  }
  // A silent host was started when it was heard last.
  reports.running -= std::min(reports.running, reports.troubled[static_cast<size_t>(Trouble::silent)]);
  reports.others = hosts_by_agent_[facts.agent] - facts.counts.hosts;
  return reports;
}

uint32_t Releases::peak(std::string_view agent, std::string_view version) const {
  const std::string text = join(agent, version);
  if (const Id id = texts_.find(text); id != kNone) return facts_[id].peak;
  const auto remembered = remembered_.find(text);
  return remembered == remembered_.end() ? 0 : remembered->second;
}

void Releases::raise_peak(std::string_view agent, std::string_view version, uint32_t hosts) {
  const Id id = find(agent, version);
  if (id == kNone) return remember(join(agent, version), hosts);
  facts_[id].peak = std::max(facts_[id].peak, hosts);
}

void Releases::remember(const std::string& release, uint32_t hosts) {
  if (hosts < 2 || remembered_.size() >= kMaxRemembered) return;  // a peak of one is as good as none
  uint32_t& noted = remembered_[release];
  noted = std::max(noted, hosts);
}

void Releases::visit_peaks(const std::function<void(std::string_view, std::string_view, uint32_t)>& visit) const {
  for (const auto& [text, hosts] : remembered_) visit(split(text).first, split(text).second, hosts);
  for (Id id = 1; id < end(); ++id) {
    if (!facts_[id].is_new && facts_[id].peak > 1) visit(agent(id), version(id), facts_[id].peak);
  }
}

}  // namespace ops::meta
