// Rollouts of a real ops-meta to a simulated fleet: a bad release stops itself, a good one reaches everybody.

#include <gtest/gtest.h>

#include <iostream>
#include <nlohmann/json.hpp>
#include <optional>
#include <thread>

#include "tests/fleet/fleet.h"
#include "tests/support/boxes.h"
#include "tests/support/measure.h"
#include "tests/support/wait.h"

namespace ops::tests {
namespace {

using namespace ops::fleet;
using std::chrono::seconds;

constexpr uint32_t kHosts = kSanitized ? 500 : 5000;
constexpr double kInterval = 2;  // seconds

const std::vector<TestAgent> kOthers{{"naming-agent", "1.4.0"}, {"deploy-agent", "2.0.7"}};

/// An ops-meta, and hosts that run falcon-agent 5.1.2.
struct Rollout : testing::Test {
  ~Rollout() override { end(); }

  bool desire(const std::string& version) {
    std::vector<TestAgent> agents = kOthers;
    agents.push_back({"falcon-agent", version, "start", "", "", rollout});
    return meta.daemon_pid() > 0 ? meta.desire(agents) : meta.start(agents);
  }

  void begin(double fail, double silent) {
    ASSERT_TRUE(desire("5.1.2")) << meta.log();
    FleetOptions options;
    options.target = *parse_target(meta.address());
    options.hosts.hosts = kHosts;
    options.hosts.unwell = 0;
    options.hosts.update_time = 0.2;
    options.hosts.probation = 0.2;
    options.hosts.fail = fail;
    options.hosts.silent = silent;
    options.interval = kInterval;
    options.duration = 600;
    options.stop = &stop;
    fleet = std::thread([this, options] { report = run_fleet(options); });
    ASSERT_TRUE(eventually([&] { return running("5.1.2") == kHosts; }, seconds(60)));
    ASSERT_TRUE(desire("5.2.0"));
  }

  void end() {
    stop = true;
    if (fleet.joinable()) fleet.join();
  }

  nlohmann::json state(const std::string& version) const {
    const auto summary = nlohmann::json::parse(meta.get("/status/summary").body, nullptr, false);
    if (summary.is_discarded()) return nlohmann::json::object();
    return summary.at("rollouts").at("falcon-agent").value(version, nlohmann::json::object());
  }
  /// How many hosts say that they run the version.
  uint32_t running(const std::string& version) const {
    const auto summary = nlohmann::json::parse(meta.get("/status/summary").body, nullptr, false);
    if (summary.is_discarded()) return 0;
    const auto agent = summary.at("agents").value("falcon-agent", nlohmann::json::object());
    const auto versions = agent.value("versions", nlohmann::json::object());
    return versions.value(version, nlohmann::json::object()).value("started", 0u);
  }
  bool is_halted() const { return state("5.2.0").value("halted", false); }
  bool is_complete(const std::string& version) const {
    const auto now = state(version);
    return now.value("running", 0u) + now.value("failed", 0u) == kHosts;
  }

  /// How many hosts ever began the update, once it is halted and everybody has asked again and again.
  uint64_t ever_begun() {
    EXPECT_TRUE(eventually([&] { return is_halted(); }, seconds(60))) << state("5.2.0").dump();
    EXPECT_TRUE(always([&] { return is_halted(); }, seconds(static_cast<int>(2 * kInterval)))) << state("5.2.0").dump();
    end();
    std::cout << report.updates_begun << " of " << kHosts << " hosts began the update\n";
    return report.updates_begun;
  }

  MetaBox meta;
  std::string rollout;
  std::atomic<bool> stop = false;
  Report report;
  std::thread fleet;
};

TEST_F(Rollout, OfAReleaseThatFailsEverywhereReachesThreeHosts) {
  begin(100, 0);
  EXPECT_LE(ever_begun(), 3u);
  EXPECT_NE(meta.log().find("falcon-agent 5.2.0 is halted: 3 of 3 hosts failed"), std::string::npos) << meta.log();
}

TEST_F(Rollout, OfAReleaseThatFailsOnAFifthReachesAHandful) {
  begin(20, 0);
  EXPECT_LE(ever_begun(), 60u);
}

TEST_F(Rollout, AfterWhichHostsFallSilentReachesAHandful) {
  rollout = R"(, "rollout": {"timeout": 2})";
  begin(0, 100);
  EXPECT_LE(ever_begun(), 10u);
}

TEST_F(Rollout, IsNotHaltedByAFewOldHosts) {
  begin(0.1, 0);
  EXPECT_TRUE(eventually([&] { return is_complete("5.2.0"); }, seconds(90))) << state("5.2.0").dump();
}

TEST_F(Rollout, ReachesEverybodyAndGoesBackAtOnce) {
  begin(0, 0);
  const double forward =
      seconds_of([&] { EXPECT_TRUE(eventually([&] { return is_complete("5.2.0"); }, seconds(90))) << state("5.2.0").dump(); });
  ASSERT_TRUE(desire("5.1.2"));
  const double back =
      seconds_of([&] { EXPECT_TRUE(eventually([&] { return is_complete("5.1.2"); }, seconds(90))) << state("5.1.2").dump(); });
  std::cout << kHosts << " hosts follow within " << forward / kInterval << " intervals, and go back within " << back / kInterval
            << "\n";
  EXPECT_LT(back, forward);
}

TEST_F(Rollout, ThatIsHaltedStaysSoWhenMetaRestarts) {
  begin(100, 0);
  EXPECT_TRUE(eventually([&] { return is_halted(); }, seconds(60)));
  meta.process().stop();
  ASSERT_TRUE(meta.Box::start()) << meta.log();
  EXPECT_LE(ever_begun(), 3u);
}

// Nothing is saved then: until all hosts have said what they run, nobody changes.
TEST_F(Rollout, ThatIsUnderWayDoesNotBeginAnewWhenMetaIsKilled) {
  begin(100, 0);
  EXPECT_TRUE(eventually([&] { return state("5.2.0").value("failed", 0u) >= 1; }, seconds(60)));
  meta.process().kill();
  ASSERT_TRUE(meta.Box::start()) << meta.log();
  EXPECT_TRUE(eventually([&] { return running("5.1.2") == kHosts; }, seconds(60)));
  EXPECT_TRUE(always([&] { return state("5.2.0").value("inflight", 0u) == 0; }, seconds(static_cast<int>(2 * kInterval))));
  end();
  EXPECT_LE(report.updates_begun, 3u);
  EXPECT_NE(meta.log().find("nothing is known of rollouts under way"), std::string::npos);
}

}  // namespace
}  // namespace ops::tests
