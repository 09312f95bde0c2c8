#include "meta/reports/sampler.h"

#include <algorithm>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "meta/reports/samples_file.h"

namespace ops::meta {

namespace {

int64_t to_seconds(Sampler::TimePoint time) { return std::chrono::system_clock::to_time_t(time); }

}  // namespace

void Sampler::tick(const Config& config, int64_t silent, TimePoint now) {
  const Figures now_known = figures(config, silent, now);
  const std::lock_guard lock(mutex_);
  samples_.add(now_known, to_seconds(now));
}

/// The versions of the config come first, then those with the most hosts.
Figures Sampler::figures(const Config& config, int64_t silent, TimePoint now) const {
  Figures figures{static_cast<uint32_t>(hosts_.size()), static_cast<uint32_t>(std::max<int64_t>(silent, 0)),
                  heartbeats_.counts().total};
  for (const auto& [agent, key] : controller_.history().open()) figures.under_way.insert(agent);
  std::map<std::string, std::map<std::string, VersionSample, std::less<>>, std::less<>> agents;
  for (const std::string& agent : figures.under_way) agents[agent];
  read([&](const Samples& samples) {
    for (const auto& [agent, kept] : samples.state().agents) agents[agent];
  });
  if (agents.empty()) return figures;
  hosts_.visit_releases([&](std::string_view agent, std::string_view version, const ReleaseCounts& counts) {
    const auto sampled = agents.find(agent);
    if (sampled == agents.end()) return;
    VersionSample& sample = sampled->second.try_emplace(std::string(version), VersionSample{0, 0}).first->second;
    sample.hosts += counts.hosts;
    sample.failed += counts.broken();
  });
  for (auto& [name, counted] : agents) {
    auto& versions = figures.agents[name];
    if (const AgentConfig* agent = find_agent(config, name)) {
      for (const std::string& version : versions_of(*agent)) {
        VersionSample& sample = counted.try_emplace(version, VersionSample{0, 0}).first->second;
        sample.failed = controller_.state(name, release_key(*agent, version), agent->rollout, now).failed();
        versions.emplace_back(version, sample);
        counted.erase(version);
      }
    }
    const auto of_config = static_cast<ptrdiff_t>(versions.size());
    versions.insert(versions.end(), counted.begin(), counted.end());
    std::stable_sort(versions.begin() + of_config, versions.end(),
                     [](const auto& a, const auto& b) { return a.second.hosts > b.second.hosts; });
  }
  return figures;
}

void Sampler::load(const std::string& path, TimePoint now, std::optional<std::chrono::seconds> since_save) {
  const std::lock_guard lock(mutex_);
  if (auto loaded = load_samples(samples_, path, to_seconds(now), since_save); !loaded) log::warning(loaded.error().message);
}

void Sampler::save(const std::string& path, TimePoint now) {
  Samples::State samples = read([](const Samples& current) { return current.state(); });
  const auto saved = save_samples(std::move(samples), path, to_seconds(now), to_wall_seconds(now));
  if (!saved && !is_failing_) log::warning("the samples for the pictures are not saved: ", saved.error().message);
  is_failing_ = !saved;
}

}  // namespace ops::meta
