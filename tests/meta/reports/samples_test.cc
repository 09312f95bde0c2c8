#include "meta/reports/samples.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "common/base/binary_format.h"
#include "common/base/text.h"
#include "meta/reports/samples_file.h"
#include "tests/support/temp_dir.h"

namespace ops::tests {
namespace {

using meta::Figures;
using meta::FleetSample;
using meta::Samples;
using meta::VersionSample;

constexpr int64_t kBegin = 1'447'000'200;  // a multiple of 600
constexpr int64_t kWeek = 7 * 86'400;

Figures figures_of(std::map<std::string, std::vector<std::pair<std::string, VersionSample>>> agents) {
  Figures figures{100, 2, 0, {}, std::move(agents)};
  for (const auto& [name, versions] : figures.agents) figures.under_way.insert(name);
  return figures;
}

/// Samples every 10 s, with 120 heartbeats a minute.
void sample(Samples& samples, int64_t from, int64_t to, Figures figures) {
  for (int64_t now = from; now <= to; now += 10) {
    figures.heartbeats = static_cast<uint64_t>(now - kBegin) * 2;
    samples.add(figures, now);
  }
}

std::vector<int64_t> times_of(const Samples& samples, int64_t since = 0) {
  std::vector<int64_t> times;
  for (const auto [level, index] : samples.places(since)) times.push_back(samples.state().times[level][index]);
  return times;
}

TEST(Samples, GetCoarserWithTheirAge) {
  Samples samples;
  const int64_t end = kBegin + 2 * kWeek;
  sample(samples, kBegin, end, figures_of({{"a", {{"1", {100, 0}}}}}));
  for (size_t level = 0; level < Samples::kLevels.size(); ++level) {
    EXPECT_EQ(samples.state().times[level].size(), Samples::kLevels[level].points) << level;
  }
  const std::vector<int64_t> times = times_of(samples);
  EXPECT_EQ(times.back(), end);
  EXPECT_NEAR(static_cast<double>(times.front()), static_cast<double>(end - kWeek), 700);
  for (size_t i = 1; i < times.size(); ++i) {
    const int64_t age = end - times[i];
    const int64_t step = times[i] - times[i - 1];
    ASSERT_GT(step, 0) << "each time once, in order";
    ASSERT_LE(step, age < 590 ? 10 : age < 6 * 3600 - 120 ? 60 : 600) << age;
  }
  EXPECT_LT(times.size(), 1500u);
  EXPECT_EQ(times_of(samples, end - 30), (std::vector<int64_t>{end - 20, end - 10, end}));
}

TEST(Samples, KeepAShortTroubleAndTheMeanOfHeartbeats) {
  Samples samples;
  samples.add({100, 0, 0}, kBegin - 10);
  samples.add({100, 0, 10}, kBegin);
  samples.add({100, 40, 50}, kBegin + 10);
  samples.add({90, 1, 60}, kBegin + 20);
  const auto& state = samples.state();
  EXPECT_EQ(state.fleet[0], (std::vector<FleetSample>{{100, 0, 60}, {100, 40, 240}, {90, 1, 60}}));
  EXPECT_EQ(state.fleet[1], (std::vector<FleetSample>{{90, 40, 120}})) << "60 heartbeats in 30 s";
  EXPECT_EQ(state.times[1], std::vector<int64_t>{kBegin + 20});
  samples.add({90, 1, 60}, kBegin + 20);
  samples.add({90, 1, 60}, kBegin);
  EXPECT_EQ(samples.state().times[0].size(), 3u) << "a sample that is not later is ignored";
}

TEST(Samples, HoldTheVersionsOfAnAgentFromItsRolloutOn) {
  Samples samples;
  Figures figures = figures_of({});
  figures.agents = {{"a", {{"1", {10, 0}}}}};
  sample(samples, kBegin, kBegin + 20, figures);
  EXPECT_FALSE(samples.keeps("a")) << "no rollout is under way";
  sample(samples, kBegin + 30, kBegin + 30, figures_of({{"a", {{"1", {9, 0}}, {"2", {1, 3}}}}}));
  figures.agents = {{"a", {{"2", {10, 0}}}}};
  sample(samples, kBegin + 40, kBegin + 40, figures);
  const auto& versions = samples.state().agents.at("a").versions;
  EXPECT_EQ(versions.at("1")[0], (std::vector<VersionSample>{{}, {}, {9, 0}, {0, 0}})) << "unknown before the rollout";
  EXPECT_EQ(versions.at("2")[0], (std::vector<VersionSample>{{}, {}, {1, 3}, {10, 0}}));
  EXPECT_EQ(versions.at("2")[2].back(), (VersionSample{10, 3})) << "10 minutes keep the highest number of failures";
  sample(samples, kBegin + 50, kBegin + kWeek, figures);
  EXPECT_TRUE(samples.keeps("a"));
  sample(samples, kBegin + kWeek + 10, kBegin + kWeek + 60, figures);
  EXPECT_FALSE(samples.keeps("a")) << "7 days after the end of the rollout";
}

TEST(Samples, SumUpTheVersionsBeyondTheLimit) {
  Samples samples;
  std::vector<std::pair<std::string, VersionSample>> versions;
  for (size_t i = 0; i < Samples::kMaxVersions + 3; ++i) versions.emplace_back(cat("v", i), VersionSample{5, 1});
  sample(samples, kBegin, kBegin + 20, figures_of({{"a", versions}}));
  const auto& kept = samples.state().agents.at("a").versions;
  EXPECT_EQ(kept.size(), Samples::kMaxVersions + 1);
  EXPECT_EQ(kept.at(Samples::kOtherVersions)[0].back(), (VersionSample{15, 3}));
}

TEST(Samples, StayBelowTheirLimitOfMemoryWhateverTheFleetHas) {
  Samples samples;
  Figures figures{2'000'000'000, 1'000'000'000, 0, {}, {}};
  for (int agent = 0; agent < 300; ++agent) {
    std::string name = cat("agent-", agent);
    name.resize(128, 'x');
    figures.under_way.insert(name);
    for (int i = 0; i < 20; ++i) {
      std::string version = cat(i);
      version.resize(128, 'y');
      figures.agents[name].emplace_back(version, VersionSample{4'000'000'000u - static_cast<uint32_t>(i), 1});
    }
  }
  // Samples 10 minutes apart fill all levels. Odd figures make the differences in the file long.
  for (int64_t i = 0; i <= 1950; ++i) {
    for (auto& [name, versions] : figures.agents) {
      for (auto& [version, sample] : versions) sample = {i % 2 == 0 ? 4'000'000'000u : 1u, i % 2 == 0 ? 1u : 3'000'000'000u};
    }
    samples.add(i < 900 ? Figures{1, 1, 1} : figures, kBegin + 600 * i);  // no agent has all points from the begin
  }
  EXPECT_EQ(samples.places(0).size(), 1009u);
  size_t series = 0;
  for (const auto& [name, agent] : samples.state().agents) series += agent.versions.size();
  EXPECT_EQ(series, size_t{Samples::kMaxSeries});
  EXPECT_GT(samples.bytes(), size_t{Samples::kMaxBytes} / 2) << "the limit is in use";
  EXPECT_LT(samples.bytes(), size_t{Samples::kMaxBytes});
  EXPECT_LT(meta::to_bytes({samples.state(), kBegin}).size(), size_t{Samples::kMaxBytes});
}

TEST(Samples, DropTheRolloutThatEndedFirstForANewOne) {
  Samples samples;
  Figures figures = figures_of({});
  for (size_t i = 0; i < Samples::kMaxSeries; ++i) figures.agents[cat("a", i)] = {{"1", {1, 0}}};
  for (const auto& [name, versions] : figures.agents) figures.under_way.insert(name);
  sample(samples, kBegin, kBegin + 20, figures);
  figures.agents["new"] = {{"1", {1, 0}}};
  figures.under_way.insert("new");
  sample(samples, kBegin + 30, kBegin + 30, figures);
  EXPECT_FALSE(samples.keeps("new")) << "all others are under way";
  figures.under_way.erase("a7");
  sample(samples, kBegin + 40, kBegin + 140, figures);
  EXPECT_TRUE(samples.keeps("new"));
  EXPECT_FALSE(samples.keeps("a7"));
  EXPECT_EQ(samples.state().agents.size(), size_t{Samples::kMaxSeries});
}

struct SamplesFile : testing::Test {
  SamplesFile() {
    sample(samples, kBegin, kBegin + 100'000, figures_of({{"a", {{"1", {90, 0}}, {"2", {10, 3}}}}, {"b", {{"1", {7, 0}}}}}));
    sample(samples, kBegin + 100'010, kBegin + 120'000, figures_of({{"a", {{"2", {100, 0}}, {"3", {0, 0}}}}}));
  }
  Samples samples;
  const int64_t now = kBegin + 120'000;
  const TempDir folder;
  const std::string path = folder / "samples";
};

TEST_F(SamplesFile, ComesBackAsItWasSaved) {
  ASSERT_TRUE(save_samples(samples.state(), path, now, now));
  struct stat file = {};
  ASSERT_EQ(::stat(path.c_str(), &file), 0);
  EXPECT_EQ(file.st_mode & 0777, 0600u);
  EXPECT_LT(file.st_size, 20'000);
  Samples loaded;
  ASSERT_TRUE(load_samples(loaded, path, now, std::nullopt));
  EXPECT_EQ(loaded.state(), samples.state());
  loaded.add(figures_of({}), now + 3600);
  loaded.add(figures_of({}), now + 3610);
  EXPECT_EQ(loaded.state().times[0].back(), now + 3610);
}

TEST_F(SamplesFile, ShiftsItsTimesWhenTheClockWasSet) {
  // The process runs by `now`, and the wall clock shows a day more. After a start 60 s later, the clock shows a year less.
  ASSERT_TRUE(save_samples(samples.state(), path, now, now + 86'400));
  const int64_t start = now - 365 * 86'400;
  Samples loaded;
  ASSERT_TRUE(load_samples(loaded, path, start, std::chrono::seconds(60)));
  EXPECT_EQ(loaded.state().times[0].back(), start - 60);
  EXPECT_EQ(loaded.state().times[0].size(), 60u);
}

TEST_F(SamplesFile, LeavesOutPointsOfTheFutureAndPointsOlderThanAWeek) {
  ASSERT_TRUE(save_samples(samples.state(), path, now, now));
  Samples early;
  ASSERT_TRUE(load_samples(early, path, now - 300, std::nullopt));
  EXPECT_EQ(times_of(early).back(), now - 300);
  Samples late;
  ASSERT_TRUE(load_samples(late, path, now + kWeek - 300, std::nullopt));
  EXPECT_EQ(times_of(late).front(), now - 300);
  EXPECT_FALSE(late.keeps("b"));
  Samples after;
  ASSERT_TRUE(load_samples(after, path, now + 2 * kWeek, std::nullopt));
  EXPECT_EQ(times_of(after), std::vector<int64_t>{});
}

TEST_F(SamplesFile, OfAnyOtherContentIsRefused) {
  Samples loaded;
  EXPECT_TRUE(load_samples(loaded, path, now, std::nullopt)) << "a missing file is no fault";
  const std::string good = meta::to_bytes({samples.state(), now});
  const auto expect_refused = [&](const std::string& bytes) {
    write_file(path, bytes);
    const auto result = load_samples(loaded, path, now, std::nullopt);
    ASSERT_FALSE(result) << bytes.size();
    EXPECT_TRUE(result.error().message.starts_with(path + " is ignored")) << result.error().message;
  };
  expect_refused("");
  expect_refused(std::string(1000, '\xFF'));
  for (size_t size = 0; size < good.size(); size += 1 + good.size() / 200) expect_refused(good.substr(0, size));
  for (size_t at = 0; at < good.size(); at += 1 + good.size() / 200) {
    std::string damaged = good;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x10);
    expect_refused(damaged);
  }
  EXPECT_EQ(loaded.state(), Samples().state());
}

/// The bytes with a right checksum.
std::string sealed(std::string bytes) {
  for (uint64_t sum = fnv1a(bytes), i = 0; i < 8; ++i, sum >>= 8) bytes += static_cast<char>(sum & 0xFF);
  return bytes;
}

TEST_F(SamplesFile, OfALaterFormatOrWithTooManyPointsIsRefused) {
  const std::string good = meta::to_bytes({samples.state(), now});
  const std::string body = good.substr(0, good.size() - 8);
  EXPECT_TRUE(meta::samples_in(sealed(body)));
  std::string later = body;
  later[10] = 2;
  EXPECT_EQ(meta::samples_in(sealed(later)).error().message, "its format is 2, not 1");
  for (size_t at = 11; at < body.size(); at += 1 + body.size() / 300) {
    (void)meta::samples_in(sealed(body.substr(0, at)));  // reads nothing outside the bytes
    EXPECT_FALSE(meta::samples_in(sealed(body.substr(0, at)))) << at;
  }
  Samples::State long_state = samples.state();
  long_state.times[0].push_back(now + 10);
  long_state.fleet[0].emplace_back();
  for (auto& [name, agent] : long_state.agents) {
    for (auto& [version, series] : agent.versions) series[0].emplace_back();
  }
  EXPECT_EQ(meta::samples_in(meta::to_bytes({long_state, now})).error().message, "it is damaged") << "61 points of level 0";
  std::string huge("OPSSAMPLES\x01\x02", 12);
  append_leb128(huge, 1'000'000'000'000);
  EXPECT_EQ(meta::samples_in(sealed(huge)).error().message, "it is damaged");
}

}  // namespace
}  // namespace ops::tests
