// The health of agents in the host table: hosts that soak, hosts in late trouble, and the control group of a survey.

#include <gtest/gtest.h>

#include "meta/hosts/host_table.h"

namespace ops::tests {
namespace {

using meta::AgentHealth;
using meta::HostTable;
using meta::Stage;
using meta::Survey;
using meta::Trouble;
using std::chrono::seconds;

struct HostHealthTest : testing::Test {
  /// A heartbeat, one interval after the last one.
  void beat(const std::string& host, const std::string& version, const std::string& status = "started", int64_t restarts = 0,
            const std::string& phase = "") {
    HeartbeatRequest heartbeat{host, {{"a", version, status, 0, restarts}}, {}, "1.1.0", "linux_amd64", interval, uptime};
    if (!phase.empty()) heartbeat.updates = {{"a", version, phase, 0, 0, 1, 0, ""}};
    ASSERT_TRUE(hosts.record(heartbeat, now));
  }
  void pass(int intervals = 1) { now += seconds(300 * intervals); }
  /// The host changes to version 2 and runs it past its probation.
  void change(const std::string& host) {
    beat(host, "1");
    beat(host, "2", "started", 0, "probation");
    beat(host, "2");
  }
  Survey survey(seconds soak = seconds(-1)) { return hosts.survey({{"a", "2", begin, soak}}, now, begin).at(0); }
  Stage stage(const std::string& host) {
    Stage stage{};
    std::string from = host;
    hosts.visit(from, 1, [&](const meta::HostView& view) {
      stage = view.health("a").stage;
      return true;
    });
    return stage;
  }

  HostTable hosts;
  const HostTable::TimePoint begin{std::chrono::hours(500'000)};
  HostTable::TimePoint now = begin;
  int64_t interval = 300;
  int64_t uptime = -1;
};

TEST_F(HostHealthTest, AHostSoaksForTwoIntervals) {
  change("h1");
  EXPECT_EQ(hosts.reports("a", "2").soaking, 1u);
  EXPECT_EQ(hosts.reports("a", "2").peak, 0u);
  pass();
  beat("h1", "2");
  EXPECT_EQ(survey().soaking, 1u);
  pass();
  EXPECT_EQ(survey().soaked, 1u);
  EXPECT_EQ(hosts.reports("a", "2").soaking, 0u);
  EXPECT_EQ(hosts.reports("a", "2").peak, 1u);
}

TEST_F(HostHealthTest, AHostThatReportsNoIntervalHasSoakedAtOnce) {
  interval = 0;
  change("h1");
  EXPECT_EQ(hosts.reports("a", "2").soaking, 0u);
  EXPECT_EQ(hosts.reports("a", "2").peak, 1u);
}

TEST_F(HostHealthTest, AHostInItsProbationDoesNotSoakYet) {
  beat("h1", "1");
  beat("h1", "2", "started", 0, "probation");
  EXPECT_EQ(stage("h1"), Stage::taken);
  EXPECT_EQ(hosts.reports("a", "2").soaking, 0u);
  EXPECT_EQ(survey(), Survey{}) << "it is neither in the rollout nor in the control group";
}

TEST_F(HostHealthTest, AnAgentThatIsNotStartedTwiceInARowHasDied) {
  change("h1");
  pass();
  beat("h1", "2", "stoped");
  EXPECT_EQ(survey().changed.in(Trouble::died), 0u);
  pass();
  beat("h1", "2", "cannot open app.pid");
  EXPECT_EQ(survey().changed.in(Trouble::died), 1u);
  EXPECT_EQ(stage("h1"), Stage::died);
  EXPECT_EQ(hosts.reports("a", "2").soaking, 0u) << "it takes no slot";
  beat("h1", "2");
  EXPECT_EQ(survey().changed.in(Trouble::died), 0u) << "it has recovered";
}

TEST_F(HostHealthTest, AnAgentThatTheUpdaterStartsAgainIsRestartingForFourIntervals) {
  change("h1");
  pass();
  beat("h1", "2", "started", 1);
  EXPECT_EQ(survey().changed.in(Trouble::restarting), 1u);
  for (int i = 0; i < 4; ++i) {
    EXPECT_EQ(stage("h1"), Stage::restarting) << i;
    pass();
    beat("h1", "2", "started", 1);
    survey();
  }
  EXPECT_EQ(stage("h1"), Stage::settled);
  beat("h1", "2", "started", 0);
  EXPECT_EQ(stage("h1"), Stage::settled) << "a later updater counts from 0";
}

TEST_F(HostHealthTest, AHostWhoseUpdaterWasRestartedThreeTimesIsRestarting) {
  change("h1");
  for (int i = 1; i <= 3; ++i) {
    pass();
    uptime = 20;
    beat("h1", "2");
    EXPECT_EQ(survey().changed.in(Trouble::restarting), i == 3 ? 1u : 0u) << i;
  }
  uptime = 320;
  for (int i = 0; i < 3; ++i, pass()) beat("h1", "2");
  EXPECT_EQ(survey().changed.in(Trouble::restarting), 0u);
}

TEST_F(HostHealthTest, AHostIsSilentAfterThreeIntervals) {
  change("h1");
  pass(3);
  EXPECT_EQ(survey().changed.in(Trouble::silent), 0u);
  now += seconds(1);
  EXPECT_EQ(survey().changed.in(Trouble::silent), 1u);
  EXPECT_EQ(hosts.reports("a", "2").running, 0u) << "its last report says started";
  EXPECT_EQ(hosts.survey({{"a", "2", begin}}, now, now - seconds(800)).at(0).changed.in(Trouble::silent), 0u)
      << "ops-meta could not receive heartbeats before";
  beat("h1", "2");
  EXPECT_EQ(survey().changed.in(Trouble::silent), 0u);
  EXPECT_EQ(hosts.reports("a", "2").running, 1u);
}

TEST_F(HostHealthTest, TroubleCountsForAnHourAndUntilTheHostRecovers) {
  change("h1");
  change("h2");
  for (int i = 0; i < 12; ++i, pass()) beat("h1", "2"), beat("h2", "2", i < 10 ? "started" : "stoped");
  EXPECT_EQ(survey().changed.in(Trouble::died), 1u);
  for (int i = 0; i < 12; ++i, pass()) beat("h1", "2", "stoped"), beat("h2", "2", "stoped");
  EXPECT_EQ(stage("h2"), Stage::died) << "it does not stop counting because time passes";
  EXPECT_EQ(survey().changed.in(Trouble::died), 1u) << "h1 died after the hour";
}

TEST_F(HostHealthTest, TheControlGroupAreTheOtherHosts) {
  for (const std::string host : {"c1", "c2", "c3", "gone"}) beat(host, "1");
  now += seconds(3600 + 6 * 300 + 60);
  const auto early = now;
  for (const std::string host : {"c1", "c2", "c3"}) beat(host, "1", host == "c3" ? "stoped" : "started");
  change("h1");
  now += seconds(10);
  for (const std::string host : {"c1", "c2", "c3"}) beat(host, "1", host == "c3" ? "stoped" : "started");
  const Survey survey = hosts.survey({{"a", "2", early}}, now, begin).at(0);
  EXPECT_EQ(survey.others.of(Trouble::died), 3u) << "not h1, and not a host that left long ago";
  EXPECT_EQ(survey.others.in(Trouble::died), 1u);
  EXPECT_EQ(survey.changed.of(Trouble::died), 1u);
}

// Such a host is no evidence against the release: its agent was in trouble before.
TEST_F(HostHealthTest, AHostThatWasInTroubleBeforeTheChangeBelongsToTheControlGroup) {
  beat("h1", "1");
  for (int i = 0; i < 2; ++i, pass()) beat("h1", "1", "stoped");
  beat("h1", "2");
  EXPECT_EQ(survey().changed.of(Trouble::died), 0u);
  EXPECT_EQ(survey().others.of(Trouble::died), 1u);
  EXPECT_EQ(hosts.reports("a", "2").peak, 1u);
}

TEST_F(HostHealthTest, AHeldAgentAndAnAgentThatShouldNotRunDoNotCount) {
  change("h1");
  change("h2");
  for (int i = 0; i < 3; ++i, pass()) beat("h1", "2", "stoped", 0, "held"), beat("h2", "2", "stoped");
  hosts.excuse("a", "h2");
  EXPECT_EQ(survey().changed, meta::Cohort{});
  EXPECT_EQ(hosts.reports("a", "2").troubled, (std::array<uint32_t, 3>{}));
}

TEST_F(HostHealthTest, StaysWhenTheHostGetsAnotherAgent) {
  change("h1");
  HeartbeatRequest two{"h1", {{"0", "9", "started", 0}, {"a", "2", "started", 0}}, {}, "1.1.0", "linux_amd64", 300};
  ASSERT_TRUE(hosts.record(two, now));
  EXPECT_EQ(stage("h1"), Stage::soaking);
  EXPECT_EQ(hosts.reports("a", "2").soaking, 1u);
}

TEST_F(HostHealthTest, AHostThatTheTableDoesNotKnowIsAsOldAsItsAgentSays) {
  HeartbeatRequest lost{"h1", {{"a", "2", "started", 0, 0, 100}}, {}, "1.1.0", "linux_amd64", 300};
  ASSERT_TRUE(hosts.record(lost, now));
  EXPECT_EQ(hosts.survey({{"a", "2", now - seconds(200)}}, now, begin).at(0).soaking, 1u);
  EXPECT_EQ(hosts.survey({{"a", "2", now - seconds(50)}}, now, begin).at(0).others.of(Trouble::died), 1u);
}

TEST_F(HostHealthTest, CountsTheHostsThatHaveRunTheReleaseAsLongAsTheYoungestTroubledOne) {
  change("h1");
  pass(2);
  change("h2");
  for (const std::string status : {"started", "stoped", "stoped"}) {
    pass();
    beat("h1", "2", status);
    beat("h2", "2");
    if (status == "started") change("h3");
  }
  beat("h3", "2");
  const Survey found = survey();
  EXPECT_EQ(found.changed.of(Trouble::died), 3u);
  EXPECT_EQ(found.changed.in(Trouble::died), 1u);
  EXPECT_EQ(found.exposed[0], 1u);
}

}  // namespace
}  // namespace ops::tests
