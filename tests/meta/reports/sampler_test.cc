#include "meta/reports/sampler.h"

#include "tests/meta/reports/fleet_fixture.h"
#include "tests/support/temp_dir.h"

namespace ops::tests {
namespace {

using meta::Samples;
using meta::VersionSample;
using std::chrono::seconds;

struct SamplerTest : FleetTest {
  void tick() {
    now += seconds(10);
    sampler.tick(*two->config(), 7, now);
  }
  /// The last sample of each version of the agent `a`, like "1: 2 hosts, 0 failed; ".
  std::string last() const {
    return sampler.read([](const Samples& samples) {
      std::string text;
      if (!samples.keeps("a")) return text;
      for (const auto& [version, series] : samples.state().agents.at("a").versions) {
        text += cat(version, ": ", series[0].back().hosts, " hosts, ", series[0].back().failed, " failed; ");
      }
      return text;
    });
  }

  std::shared_ptr<const meta::Assignments> two = want("2");
  meta::EventLog events;
  meta::RolloutController rollouts{hosts, "", &events};
  DurationHistogram heartbeats;
  meta::Sampler sampler{hosts, rollouts, heartbeats};
};

TEST_F(SamplerTest, CountsHostsHeartbeatsAndSilentHosts) {
  runs("h1", "1");
  runs("h2", "1");
  tick();
  for (int i = 0; i < 20; ++i) heartbeats.add(std::chrono::milliseconds(1));
  tick();
  const auto fleet = sampler.read([](const Samples& samples) { return samples.state().fleet[0]; });
  EXPECT_EQ(fleet, (std::vector<meta::FleetSample>{{2, 7, 120}}));
  EXPECT_EQ(last(), "") << "no rollout is under way";
}

TEST_F(SamplerTest, CountsTheVersionsOfAnAgentInARollout) {
  for (const char* host : {"h1", "h2", "h3"}) runs(host, "1");
  tick();
  rollouts.history().go({"a", "2"}, "h1", 0);
  tick();
  EXPECT_EQ(last(), "1: 3 hosts, 0 failed; 2: 0 hosts, 0 failed; ");
  runs("h1", "2");
  fails("h2", "1", "2", "it died");
  fails("h3", "1", "0", "it died");  // a version that the config does not name
  tick();
  EXPECT_EQ(last(), "0: 0 hosts, 1 failed; 1: 2 hosts, 0 failed; 2: 1 hosts, 1 failed; ");
  rollouts.history().end({"a", "2"}, "by hand");
  runs("h2", "2");
  tick();
  EXPECT_EQ(last(), "0: 0 hosts, 1 failed; 1: 1 hosts, 0 failed; 2: 2 hosts, 0 failed; ") << "for 7 days after the end";
}

TEST_F(SamplerTest, SaysOnceThatItCannotSave) {
  const TempDir folder;
  testing::internal::CaptureStderr();
  for (int i = 0; i < 3; ++i) sampler.save(folder / "missing/samples", now);
  sampler.save(folder / "samples", now);
  sampler.load(folder / "samples", now, std::nullopt);
  sampler.load(folder / "none", now, std::nullopt);
  const std::string log = testing::internal::GetCapturedStderr();
  EXPECT_NE(log.find("the samples for the pictures are not saved: "), std::string::npos) << log;
  EXPECT_EQ(std::count(log.begin(), log.end(), '\n'), 1) << log;
}

}  // namespace
}  // namespace ops::tests
