#include "meta/reports/samples_file.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "common/base/binary_format.h"
#include "common/base/file.h"
#include "common/base/text.h"

namespace ops::meta {

namespace {

constexpr std::string_view kMagic = "OPSSAMPLES";
constexpr uint64_t kFormat = 1;
constexpr size_t kChecksumSize = 8;
constexpr size_t kMaxFileSize = 8 << 20;  // bytes
constexpr size_t kMaxText = 256;          // bytes

std::string checksum_of(std::string_view bytes) {
  std::string text;
  for (uint64_t sum = fnv1a(bytes), i = 0; i < kChecksumSize; ++i, sum >>= 8) text += static_cast<char>(sum & 0xFF);
  return text;
}

struct Writer {
  std::string bytes;

  void number(uint64_t value) { append_leb128(bytes, value); }
  void text(const std::string& value) {
    number(value.size());
    bytes += value;
  }
  template <typename Points, typename Figure>
  void column(const Points& points, const Figure& figure) {
    int64_t before = 0;
    for (const auto& point : points) {
      const auto value = static_cast<int64_t>(figure(point));
      number(zigzag(value - before));
      before = value;
    }
  }
};

struct Reader {
  std::string_view bytes;
  bool is_bad = false;

  uint64_t number() { return take_leb128(bytes, is_bad); }
  /// 0 for a larger number, which is a fault.
  size_t count(size_t limit) {
    const uint64_t value = number();
    is_bad = is_bad || value > limit;
    return is_bad ? 0 : value;
  }
  std::string text() {
    const size_t size = count(std::min(bytes.size(), kMaxText));
    const std::string value(bytes.substr(0, size));
    bytes.remove_prefix(std::min(size, bytes.size()));
    return value;
  }
  int64_t time() {
    const int64_t value = unzigzag(number());
    is_bad = is_bad || value < 0 || value > UINT32_MAX;
    return is_bad ? 0 : value;
  }
  template <typename Points, typename Figure>
  void column(Points& points, const Figure& set) {
    uint64_t value = 0;
    for (auto& point : points) {
      value += static_cast<uint64_t>(unzigzag(number()));
      set(point, value);
    }
  }
};

/// 0 is unknown.
constexpr uint32_t raised(uint32_t figure) { return figure + 1; }
uint32_t lowered(uint64_t figure) { return static_cast<uint32_t>(figure) - 1; }

void write(Writer& to, const Samples::Series& series) {
  for (const auto& points : series) {
    to.column(points, [](const VersionSample& point) { return raised(point.hosts); });
    to.column(points, [](const VersionSample& point) { return raised(point.failed); });
  }
}

void read(Reader& from, Samples::Series& series) {
  for (auto& points : series) {
    from.column(points, [](VersionSample& point, uint64_t value) { point.hosts = lowered(value); });
    from.column(points, [](VersionSample& point, uint64_t value) { point.failed = lowered(value); });
  }
}

void read_level(Reader& from, size_t level, Samples::State& state) {
  auto& times = state.times[level];
  auto& fleet = state.fleet[level];
  times.resize(from.count(Samples::kLevels[level].points));
  fleet.resize(times.size());
  from.column(times, [](int64_t& time, uint64_t value) { time = static_cast<int64_t>(value); });
  from.column(fleet, [](FleetSample& point, uint64_t value) { point.hosts = static_cast<uint32_t>(value); });
  from.column(fleet, [](FleetSample& point, uint64_t value) { point.silent = static_cast<uint32_t>(value); });
  from.column(fleet, [](FleetSample& point, uint64_t value) { point.heartbeats = static_cast<uint32_t>(value); });
  for (size_t i = 0; i < times.size(); ++i) {
    from.is_bad = from.is_bad || times[i] <= (i > 0 ? times[i - 1] : 0) || times[i] > UINT32_MAX;
  }
}

void read_agents(Reader& from, Samples::State& state) {
  size_t left = Samples::kMaxSeries;
  for (size_t agents = from.count(Samples::kMaxSeries); agents > 0 && !from.is_bad; --agents) {
    Samples::Agent& agent = state.agents[from.text()];
    agent.under_way_at = from.time();
    for (size_t versions = from.count(left); versions > 0 && !from.is_bad; --versions, --left) {
      Samples::Series& series = agent.versions[from.text()];
      for (size_t level = 0; level < series.size(); ++level) series[level].resize(state.times[level].size());
      read(from, series);
    }
  }
}

void shift(Samples::State& state, int64_t by) {
  for (auto& times : state.times) {
    for (int64_t& time : times) time += by;
  }
  for (auto& [name, agent] : state.agents) agent.under_way_at += by;
}

}  // namespace

std::string to_bytes(const SavedSamples& samples) {
  const Samples::State& state = samples.state;
  Writer to;
  to.bytes = kMagic;
  to.number(kFormat);
  to.number(zigzag(samples.saved_at));
  for (size_t level = 0; level < Samples::kLevels.size(); ++level) {
    to.number(state.times[level].size());
    to.column(state.times[level], [](int64_t time) { return time; });
    to.column(state.fleet[level], [](const FleetSample& point) { return point.hosts; });
    to.column(state.fleet[level], [](const FleetSample& point) { return point.silent; });
    to.column(state.fleet[level], [](const FleetSample& point) { return point.heartbeats; });
  }
  to.number(state.agents.size());
  for (const auto& [name, agent] : state.agents) {
    to.text(name);
    to.number(zigzag(agent.under_way_at));
    to.number(agent.versions.size());
    for (const auto& [version, series] : agent.versions) {
      to.text(version);
      write(to, series);
    }
  }
  return to.bytes + checksum_of(to.bytes);
}

Result<SavedSamples> samples_in(std::string_view bytes) {
  if (!bytes.starts_with(kMagic)) return Error{"it has no samples"};
  if (bytes.size() < kMagic.size() + kChecksumSize) return Error{"it is damaged"};
  const std::string_view body = bytes.substr(0, bytes.size() - kChecksumSize);
  if (checksum_of(body) != bytes.substr(body.size())) return Error{"it is damaged"};
  Reader from{body.substr(kMagic.size())};
  if (const uint64_t format = from.number(); format != kFormat) return Error{cat("its format is ", format, ", not ", kFormat)};
  SavedSamples samples;
  samples.saved_at = from.time();
  for (size_t level = 0; level < Samples::kLevels.size(); ++level) read_level(from, level, samples.state);
  read_agents(from, samples.state);
  if (from.is_bad || !from.bytes.empty()) return Error{"it is damaged"};
  return samples;
}

Result<void> save_samples(Samples::State samples, const std::string& path, int64_t now, int64_t wall) {
  SavedSamples saved{std::move(samples), wall};
  shift(saved.state, wall - now);
  return replace_file(path, to_bytes(saved), 0600);
}

Result<void> load_samples(Samples& samples, const std::string& path, int64_t now,
                          std::optional<std::chrono::seconds> since_save) {
  if (::access(path.c_str(), F_OK) != 0 && errno == ENOENT) return {};
  const auto bytes = read_file(path, kMaxFileSize);
  if (!bytes) return bytes.error();
  auto saved = samples_in(*bytes);
  if (!saved) return Error{cat(path, " is ignored, so the pictures begin now: ", saved.error().message)};
  if (since_save) shift(saved->state, now - since_save->count() - saved->saved_at);
  samples.restore(std::move(saved->state), now);
  return {};
}

}  // namespace ops::meta
