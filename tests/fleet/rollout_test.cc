// Rollouts of a real ops-meta to a simulated fleet: a bad release stops itself, a good one reaches everybody, and how soon.
//
// 5,000 hosts, every 3 or 5 s; `./control test rollout` takes a million, every 300 s. All times are the defaults (an interval
// of 300 s, 20 s for an update, 30 s of probation, a timeout of 1800 s), shortened alike: what takes 5 intervals here takes 25
// minutes there. Each figure is printed and has its limit.

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <nlohmann/json.hpp>
#include <thread>

#include "tests/fleet/fleet.h"
#include "tests/support/boxes.h"
#include "tests/support/measure.h"
#include "tests/support/wait.h"

namespace ops::tests {
namespace {

using namespace ops::fleet;
using std::chrono::milliseconds;

double number_from_environment(const char* name, double otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr || *text == '\0' ? otherwise : std::strtod(text, nullptr);
}

const auto kHosts = static_cast<uint32_t>(number_from_environment("OPS_ROLLOUT_HOSTS", kSanitized ? 500 : 5'000));
const double kShortInterval = number_from_environment("OPS_ROLLOUT_INTERVAL", 3);  // seconds
const double kLongInterval = number_from_environment("OPS_ROLLOUT_INTERVAL", 5);   // seconds

constexpr double kDefaultInterval = 300;  // seconds
constexpr double kPatience = 20;          // intervals

std::string limits_with_timeout(double seconds) {
  return R"(, "rollout": {"timeout": )" + std::to_string(static_cast<int>(std::ceil(seconds))) + "}";
}

const std::vector<TestAgent> kOthers{{"naming-agent", "1.4.0"}, {"deploy-agent", "2.0.7"}};

/// An ops-meta, and hosts that run falcon-agent 5.1.2.
struct Rollout : testing::Test {
  explicit Rollout(double seconds = kShortInterval) : interval(seconds) {}
  ~Rollout() override { end(); }

  /// So many seconds of a host with the default interval, here.
  double shortened(double seconds) const { return seconds * interval / kDefaultInterval; }
  milliseconds intervals(double count) const { return milliseconds(static_cast<int64_t>(count * interval * 1000)); }

  bool desire(const std::string& version) {
    std::vector<TestAgent> agents = kOthers;
    agents.push_back({"falcon-agent", version, "start", "", "", limits});
    return meta.daemon_pid() > 0 ? meta.desire(agents) : meta.start(agents);
  }

  FleetOptions options() const {
    FleetOptions options;
    options.target = *parse_target(meta.address());
    options.hosts.hosts = kHosts;
    options.hosts.unwell = 0;
    options.hosts.update_time = shortened(options.hosts.update_time);
    options.hosts.probation = shortened(options.hosts.probation);
    options.hosts.report_delay = shortened(options.hosts.report_delay);
    options.keep = true;  // connections, so that one machine carries both sides
    options.interval = interval;
    options.duration = 1e6;
    options.stop = &stop;
    return options;
  }

  /// 5.2.0, which fails on so many percent of the hosts, and after which so many fall silent, is desired.
  void begin(double fail, double silent) {
    ASSERT_TRUE(desire("5.1.2")) << meta.log();
    FleetOptions joining = options();
    joining.pace = Pace::flat_out;
    joining.until_all_in = true;
    ASSERT_EQ(run_fleet(joining).hosts_in, kHosts);
    ASSERT_EQ(running("5.1.2"), kHosts);
    ASSERT_TRUE(desire("5.2.0"));
    FleetOptions living = options();
    living.hosts.fail = fail;
    living.hosts.silent = silent;
    fleet = std::thread([this, living] { report = run_fleet(living); });
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
  uint32_t running(const std::string& version) const { return state(version).value("running", 0u); }
  uint32_t failed(const std::string& version) const { return state(version).value("failed", 0u); }
  bool is_halted() const { return state("5.2.0").value("halted", false); }

  /// How many intervals pass until this is so. The test fails when it isn't after 20.
  double intervals_until(const std::function<bool()>& condition) {
    const double seconds =
        seconds_of([&] { EXPECT_TRUE(eventually(condition, intervals(kPatience))) << state("5.2.0").dump(); });
    return seconds / interval;
  }
  double intervals_until_nearly_all_run(const std::string& version) {
    return intervals_until([&] { return running(version) >= 0.999 * kHosts; });
  }

  /// Once it is halted and everybody has asked again.
  void end_halted() {
    intervals_until([&] { return is_halted(); });
    EXPECT_TRUE(always([&] { return is_halted(); }, intervals(1.2))) << state("5.2.0").dump();
    end();
    std::cout << report.updates_begun << " of " << kHosts << " hosts began the update, " << report.updates_started
              << " ran the new version\n";
  }
  uint64_t ever_begun() {
    end_halted();
    return report.updates_begun;
  }
  /// What is begun may be taken back before it runs.
  uint64_t ever_ran() {
    end_halted();
    return report.updates_started;
  }

  const double interval;  // seconds
  MetaBox meta;
  std::string limits = limits_with_timeout(shortened(1800));
  std::atomic<bool> stop = false;
  Report report;
  std::thread fleet;
};

/// In an interval of seconds each lag of the machine counts a hundredfold, so such a fleet has twice the time. What is said of
/// the daemons' speed is true of those that users have.
void expect_at_most(double found, double limit, double interval, const std::string& what) {
  const double allowed = interval < kDefaultInterval ? 2 * limit : limit;
  std::cout << kHosts << " hosts: " << what << " " << found << " intervals, " << found * kDefaultInterval / 60
            << " minutes at 300 s (limit " << allowed * kDefaultInterval / 60 << ")\n";
  if (!kSanitized) {
    EXPECT_LE(found, allowed) << what;
  }
}

TEST_F(Rollout, OfAReleaseThatFailsEverywhereReachesThreeHosts) {
  begin(100, 0);
  EXPECT_LE(ever_begun(), 3u);
  EXPECT_NE(meta.log().find("falcon-agent 5.2.0 is halted: 3 of 3 hosts failed"), std::string::npos) << meta.log();
}

TEST_F(Rollout, OfAReleaseThatFailsOnAFifthReachesAHandful) {
  begin(20, 0);
  EXPECT_LE(ever_begun(), 60u);
}

// The timeout is an interval instead of six, so that it ends sooner.
TEST_F(Rollout, AfterWhichHostsFallSilentReachesAHandful) {
  limits = limits_with_timeout(interval);
  begin(0, 100);
  EXPECT_LE(ever_begun(), 10u);
}

TEST_F(Rollout, IsNotHaltedByAFewOldHosts) {
  begin(0.1, 0);
  const double found = intervals_until([&] { return running("5.2.0") + failed("5.2.0") == kHosts; });
  std::cout << failed("5.2.0") << " of " << kHosts << " hosts failed, all others run it after " << found << " intervals\n";
  EXPECT_GT(failed("5.2.0"), 0u);
  EXPECT_FALSE(is_halted());
}

/// When most hosts change at once, each has four heartbeats within an interval; one machine must carry both sides of them.
struct GoodRollout : Rollout {
  GoodRollout() : Rollout(kLongInterval) {}
};

TEST_F(GoodRollout, ReachesEverybodyAndGoesBackAtOnce) {
  begin(0, 0);
  expect_at_most(intervals_until_nearly_all_run("5.2.0"), 5, interval, "99.9% follow within");
  ASSERT_TRUE(desire("5.1.2"));
  expect_at_most(intervals_until_nearly_all_run("5.1.2"), 1.6, interval, "99.9% are back within");
}

TEST_F(Rollout, GoesOnWhereItWasWhenMetaRestarts) {
  begin(100, 0);
  intervals_until([&] { return failed("5.2.0") >= 1; });
  meta.process().stop();
  ASSERT_TRUE(meta.Box::start()) << meta.log();
  intervals_until([&] { return is_halted(); });
  meta.process().stop();
  ASSERT_TRUE(meta.Box::start()) << meta.log();
  EXPECT_LE(ever_begun(), 3u);
}

/// Until all hosts have said what they run, nobody changes: for 360 s, or the timeout if that is shorter.
struct ForgottenRollout : Rollout {
  ForgottenRollout() { limits = limits_with_timeout(2 * interval); }
};

TEST_F(ForgottenRollout, DoesNotBeginAnewWhenMetaIsKilled) {
  begin(100, 0);
  intervals_until([&] { return failed("5.2.0") >= 2; });
  meta.process().kill();
  ASSERT_TRUE(meta.Box::start()) << meta.log();
  EXPECT_LE(ever_ran(), 3u);
  EXPECT_NE(meta.log().find("nothing is known of rollouts under way"), std::string::npos);
}

TEST_F(ForgottenRollout, DoesNotBeginAnewWhenTheTableIsRemoved) {
  begin(100, 0);
  intervals_until([&] { return failed("5.2.0") >= 2; });
  meta.process().stop();
  ASSERT_TRUE(std::filesystem::remove(meta / "var/hosts.table"));
  ASSERT_TRUE(meta.Box::start()) << meta.log();
  EXPECT_LE(ever_ran(), 3u);
}

}  // namespace
}  // namespace ops::tests
