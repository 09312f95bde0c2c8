#include "meta/releases.h"

namespace ops::meta {

ReleaseCounts& ReleaseCounts::operator+=(const ReleaseCounts& other) {
  hosts += other.hosts;
  started += other.started;
  stopped += other.stopped;
  for (size_t i = 0; i < phases.size(); ++i) phases[i] += other.phases[i];
  return *this;
}

Releases::Releases() : names_(kMaxAgentNames, kTooManyAgents), texts_(kMaxReleases, ""), facts_(1) {}

Releases::Id Releases::acquire(std::string_view agent, std::string_view version) {
  const TextPool::Id name = names_.acquire(agent);
  Id id = kNone;
  if (name != TextPool::kOverflow) id = texts_.acquire(join(agent, version));
  if (id == kNone) id = texts_.acquire(join(names_.text(name), kTooManyVersions), /*even_if_full=*/true);
  if (id == facts_.size()) facts_.emplace_back();
  if (facts_[id].is_new) {
    facts_[id] = {name, false, {}};
  } else {
    names_.release(name);
  }
  return id;
}

void Releases::release(Id id) {
  const TextPool::Id name = facts_[id].agent;
  const size_t before = texts_.size();
  texts_.release(id);
  if (texts_.size() == before) return;
  names_.release(name);
  facts_[id] = {};
}

}  // namespace ops::meta
