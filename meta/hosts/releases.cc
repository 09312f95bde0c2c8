#include "meta/hosts/releases.h"

#include <algorithm>

namespace ops::meta {

namespace {

constexpr size_t kMaxContents = 8;  // of a version

}  // namespace

std::string content_key(std::string_view version, std::string_view md5) {
  std::string key(version);
  return md5.empty() ? key : key.append(1, kContentMark).append(md5);
}

std::pair<std::string_view, std::string_view> split_content(std::string_view key) {
  const size_t mark = key.find(kContentMark);
  if (mark == std::string_view::npos) return {key, {}};
  return {key.substr(0, mark), key.substr(mark + 1)};
}

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
  const auto [plain, content] = split_content(version);
  if (content.empty() || texts_.find(join(agent, version)) != kNone) return acquire_text(agent, version);
  const Id base = acquire_text(agent, plain);
  if (key(base) != plain || facts_[base].contents.size() >= kMaxContents) return base;
  const Id id = acquire_text(agent, version);
  if (key(id) != version) {
    release(base);
    return id;
  }
  facts_[id].base = base;
  facts_[base].contents.push_back(id);
  return id;
}

Releases::Id Releases::acquire_text(std::string_view agent, std::string_view version) {
  const StringInterner::Id name = names_.acquire(agent);
  Id id = kNone;
  if (name != StringInterner::kOverflow) id = texts_.acquire(join(agent, version));
  if (id == kNone) id = texts_.acquire(join(names_.text(name), kTooManyVersions), /*even_if_full=*/true);
  if (id == facts_.size()) facts_.emplace_back();
  while (hosts_by_agent_.size() <= name) hosts_by_agent_.push_back(0);
  if (facts_[id].is_new) {
    const auto remembered = remembered_.extract(texts_.text(id));
    facts_[id] = {name, false, remembered.empty() ? 0 : remembered.mapped(), {}, kNone, {}};
  } else {
    names_.release(name);
  }
  return id;
}

void Releases::release(Id id) {
  Id base = kNone;
  if (texts_.references(id) == 1) {
    base = facts_[id].base;
    if (base != kNone) std::erase(facts_[base].contents, id);
    remember(texts_.text(id), facts_[id].peak);
    names_.release(facts_[id].agent);
    facts_[id] = {};
  }
  texts_.release(id);
  if (base != kNone) release(base);
}

void Releases::update_peak(Id id) {
  const Id base = facts_[id].base;
  if (base == kNone && facts_[id].contents.empty()) {
    facts_[id].peak = std::max(facts_[id].peak, facts_[id].tally.proven());
    return;
  }
  const auto raise = [this](Id release, uint32_t hosts) { facts_[release].peak = std::max(facts_[release].peak, hosts); };
  if (base != kNone) raise(id, sum(base, content(id)).proven());
  raise(base == kNone ? id : base, sum(base == kNone ? id : base, {}).proven());
}

uint32_t Releases::Tally::proven() const {
  uint32_t unproven = stages[static_cast<size_t>(Stage::soaking)];
  for (const Trouble trouble : kTroubles) unproven += stages[static_cast<size_t>(to_stage(trouble))];
  const uint32_t running = counts.running();
  return running - std::min(running, unproven);
}

Releases::Tally Releases::sum(Id version, std::string_view content) const {
  Tally sum = facts_[version].tally;
  for (const Id id : facts_[version].contents) {
    if (!has_content(id, version, content)) continue;
    sum.counts += facts_[id].tally.counts;
    for (size_t i = 0; i < kStages; ++i) sum.stages[i] += facts_[id].tally.stages[i];
  }
  return sum;
}

bool Releases::has_content(Id id, Id version, std::string_view content) const {
  return id == version || (version != kNone && facts_[id].base == version && (content.empty() || content == this->content(id)));
}

bool Releases::is_same_release(Id a, Id b) const {
  if (a == b || a == kNone || b == kNone) return a == b;
  return agent(a) == agent(b) && version(a) == version(b) && (content(a).empty() || content(b).empty());
}

RolloutReports Releases::reports(std::string_view agent, std::string_view version) const {
  const auto [plain, content] = split_content(version);
  const Id id = find(agent, plain);
  if (id == kNone) {
    RolloutReports unknown{.peak = peak(agent, version)};
    const StringInterner::Id name = names_.find(agent);
    if (name != StringInterner::kOverflow) unknown.others = hosts_by_agent_[name];
    return unknown;
  }
  const Tally tally = sum(id, content);
  RolloutReports reports{.running = tally.counts.running(),
                         .peak = content.empty() ? facts_[id].peak : std::max(peak(agent, version), tally.proven()),
                         .broken = tally.counts.broken()};
  reports.soaking = tally.stages[static_cast<size_t>(Stage::soaking)];
  for (const Trouble trouble : kTroubles) {
    reports.troubled[static_cast<size_t>(trouble)] = tally.stages[static_cast<size_t>(to_stage(trouble))];
  }
  // A silent host was started when it was heard last.
  reports.running -= std::min(reports.running, reports.troubled[static_cast<size_t>(Trouble::silent)]);
  reports.others = hosts_by_agent_[facts_[id].agent] - tally.counts.hosts;
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
    if (!facts_[id].is_new && facts_[id].peak > 1) visit(agent(id), key(id), facts_[id].peak);
  }
}

}  // namespace ops::meta
