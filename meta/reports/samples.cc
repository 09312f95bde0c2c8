#include "meta/reports/samples.h"

#include <algorithm>

namespace ops::meta {

namespace {

constexpr int64_t kUnderWay = 60;  // seconds; an agent whose rollout was under way since then is not dropped

/// Never takes more memory than its level may have points.
template <typename Points>
void reserve(Points& points) {
  for (size_t level = 0; level < points.size(); ++level) points[level].reserve(Samples::kLevels[level].points);
}

void merge(VersionSample& into, const VersionSample& sample) {
  into.failed = into.is_known() ? std::max(into.failed, sample.failed) : sample.failed;
  into.hosts = sample.hosts;
}

bool has_hosts(const Samples::Series& series) {
  return std::any_of(series.begin(), series.end(), [](const auto& points) {
    return std::any_of(points.begin(), points.end(),
                       [](const VersionSample& point) { return point.is_known() && point.hosts + point.failed > 0; });
  });
}

/// Keeps the points from `first` to before `end`.
template <typename Point>
void cut(std::vector<Point>& points, size_t first, size_t end) {
  points.resize(end);
  points.erase(points.begin(), points.begin() + static_cast<ptrdiff_t>(first));
}

}  // namespace

Samples::Samples() {
  reserve(state_.times);
  reserve(state_.fleet);
}

void Samples::add(const Figures& figures, int64_t now) {
  if (last_ && now > last_->at && (state_.times[0].empty() || now > state_.times[0].back())) {
    for (size_t level = 0; level < kLevels.size(); ++level) add_fleet(level, figures, now);
    drop_ended(now);
    add_agents(figures, now);
  }
  last_ = {now, figures.heartbeats};
}

void Samples::add_fleet(size_t level, const Figures& figures, int64_t now) {
  auto& times = state_.times[level];
  const int64_t step = kLevels[level].step;
  const bool is_new = times.empty() || times.back() / step != now / step;
  if (is_new) add_point(level, now);
  times.back() = now;
  if (is_new || !before_[level]) before_[level] = last_;
  FleetSample& point = state_.fleet[level].back();
  point.hosts = figures.hosts;
  point.silent = std::max(point.silent, figures.silent);
  const Count& before = *before_[level];
  const uint64_t heartbeats = figures.heartbeats - std::min(figures.heartbeats, before.heartbeats);
  point.heartbeats =
      static_cast<uint32_t>(std::min<uint64_t>(heartbeats * 60 / static_cast<uint64_t>(now - before.at), UINT32_MAX));
}

void Samples::add_point(size_t level, int64_t now) {
  if (state_.times[level].size() >= kLevels[level].points) drop_oldest(level);
  state_.times[level].push_back(now);
  state_.fleet[level].emplace_back();
  for (auto& [name, agent] : state_.agents) {
    for (auto& [version, series] : agent.versions) series[level].emplace_back();
  }
}

void Samples::drop_oldest(size_t level) {
  state_.times[level].erase(state_.times[level].begin());
  state_.fleet[level].erase(state_.fleet[level].begin());
  for (auto& [name, agent] : state_.agents) {
    for (auto& [version, series] : agent.versions) series[level].erase(series[level].begin());
    if (level + 1 == kLevels.size()) std::erase_if(agent.versions, [](const auto& of) { return !has_hosts(of.second); });
  }
}

void Samples::drop_ended(int64_t now) {
  std::erase_if(state_.agents, [&](const auto& agent) { return now - agent.second.under_way_at > kKept; });
}

void Samples::add_agents(const Figures& figures, int64_t now) {
  for (const auto& [name, versions] : figures.agents) {
    const bool is_under_way = figures.under_way.contains(name);
    if (!is_under_way && !keeps(name)) continue;
    if (!keeps(name) && !has_room(now, nullptr)) continue;
    Agent& agent = state_.agents[name];
    if (is_under_way) agent.under_way_at = now;
    add_versions(agent, versions, now);
  }
}

void Samples::add_versions(Agent& agent, const NamedVersions& versions, int64_t now) {
  std::map<Series*, VersionSample> samples;
  for (const auto& [version, sample] : versions) {
    Series* series = series_of(agent, version, now);
    if (series == nullptr) continue;
    VersionSample& sum = samples.try_emplace(series, VersionSample{0, 0}).first->second;
    sum.hosts += sample.hosts;
    sum.failed += sample.failed;
  }
  // A version that is not in the figures has no host.
  for (auto& [version, series] : agent.versions) samples.try_emplace(&series, VersionSample{0, 0});
  for (const auto& [series, sample] : samples) {
    for (size_t level = 0; level < kLevels.size(); ++level) merge((*series)[level].back(), sample);
  }
}

/// Null if there is no room for it.
Samples::Series* Samples::series_of(Agent& agent, const std::string& version, int64_t now) {
  if (const auto known = agent.versions.find(version); known != agent.versions.end()) return &known->second;
  const size_t named = agent.versions.size() - agent.versions.count(kOtherVersions);
  if (version != kOtherVersions && named >= kMaxVersions) return series_of(agent, kOtherVersions, now);
  if (!has_room(now, &agent)) return nullptr;
  Series& series = agent.versions[version];
  reserve(series);
  for (size_t level = 0; level < kLevels.size(); ++level) series[level].resize(state_.times[level].size());
  return &series;
}

/// Whether one more version of `agent` has room. Drops other agents for it whose rollouts have ended.
bool Samples::has_room(int64_t now, const Agent* agent) {
  while (count_series() >= kMaxSeries) {
    const auto oldest = std::min_element(state_.agents.begin(), state_.agents.end(), [](const auto& a, const auto& b) {
      return a.second.under_way_at < b.second.under_way_at;
    });
    if (&oldest->second == agent || now - oldest->second.under_way_at <= kUnderWay) return false;
    state_.agents.erase(oldest);
  }
  return true;
}

size_t Samples::count_series() const {
  size_t count = 0;
  for (const auto& [name, agent] : state_.agents) count += agent.versions.size();
  return count;
}

void Samples::restore(State state, int64_t now) {
  for (size_t level = 0; level < kLevels.size(); ++level) {
    auto& times = state.times[level];
    const auto first = static_cast<size_t>(std::lower_bound(times.begin(), times.end(), now - kKept) - times.begin());
    const auto end = static_cast<size_t>(std::upper_bound(times.begin(), times.end(), now) - times.begin());
    cut(times, std::min(first, end), end);
    cut(state.fleet[level], std::min(first, end), end);
    for (auto& [name, agent] : state.agents) {
      for (auto& [version, series] : agent.versions) cut(series[level], std::min(first, end), end);
    }
  }
  reserve(state.times);
  reserve(state.fleet);
  for (auto& [name, agent] : state.agents) {
    agent.under_way_at = std::min(agent.under_way_at, now);
    for (auto& [version, series] : agent.versions) reserve(series);
  }
  state_ = std::move(state);
  last_.reset();
  before_ = {};
  drop_ended(now);
}

std::vector<Samples::Place> Samples::places(int64_t since) const {
  std::vector<Place> places;
  for (size_t level = kLevels.size(); level-- > 0;) {
    const auto& times = state_.times[level];
    const int64_t finer = level > 0 && !state_.times[level - 1].empty() ? state_.times[level - 1].front() : INT64_MAX;
    for (size_t i = 0; i < times.size() && times[i] < finer; ++i) {
      if (times[i] > since) places.push_back({level, i});
    }
  }
  return places;
}

size_t Samples::bytes() const {
  size_t bytes = sizeof *this;
  for (size_t level = 0; level < kLevels.size(); ++level) {
    bytes += state_.times[level].capacity() * sizeof(int64_t) + state_.fleet[level].capacity() * sizeof(FleetSample);
    for (const auto& [name, agent] : state_.agents) {
      for (const auto& [version, series] : agent.versions) bytes += series[level].capacity() * sizeof(VersionSample);
    }
  }
  constexpr size_t kMapEntry = 64;
  for (const auto& [name, agent] : state_.agents) {
    bytes += kMapEntry + sizeof name + sizeof agent + name.capacity();
    for (const auto& [version, series] : agent.versions)
      bytes += kMapEntry + sizeof version + sizeof series + version.capacity();
  }
  return bytes;
}

}  // namespace ops::meta
