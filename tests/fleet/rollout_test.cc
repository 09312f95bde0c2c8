// Rollouts by a real ops-meta to a simulated fleet: a bad release is halted, a good one reaches all hosts within a time limit.
//
// The fleet has 50,000 hosts with an interval of 20 s; `./control test rollout` uses a million hosts and 300 s. All default
// times (interval 300 s, update 20 s, probation 30 s, timeout 1800 s) are shortened by the same factor, so 5 intervals here are
// 25 minutes with the defaults. The test prints each time and compares it with a limit in intervals.

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

constexpr double kDefaultInterval = 300;  // seconds
constexpr double kPatience = 30;          // intervals

/// The size and interval of the fleet: from the environment, or these defaults.
struct Scale {
  Scale(uint32_t count, double seconds)
      : hosts(static_cast<uint32_t>(number_from_environment("OPS_ROLLOUT_HOSTS", kSanitized ? 500 : count))),
        interval(number_from_environment("OPS_ROLLOUT_INTERVAL", kSanitized ? 3 : seconds)) {}
  uint32_t hosts;
  double interval;  // seconds
};

std::string limits_with_timeout(double seconds) {
  return R"(, "rollout": {"timeout": )" + std::to_string(static_cast<int>(std::ceil(seconds))) + "}";
}

/// An agent, and the behaviour of its release 5.2.0.
struct Release {
  std::string agent;
  double fail = 0;    // percent of hosts on which the agent does not stay started
  double silent = 0;  // percent of hosts that fall silent for ever
};

/// An ops-meta, and hosts that run version 5.1.2 of some agents.
struct Rollout : testing::Test {
  explicit Rollout(Scale scale) : hosts(scale.hosts), interval(scale.interval) {}
  ~Rollout() override { end(); }

  /// Scales a time of a host with the default interval to the interval of this fleet.
  double shortened(double seconds) const { return seconds * interval / kDefaultInterval; }
  milliseconds intervals(double count) const { return milliseconds(static_cast<int64_t>(count * interval * 1000)); }

  /// Assigns all agents in `version`, except `special` in `its_version`.
  bool assign(const std::string& version, const std::string& special = "", const std::string& its_version = "") {
    std::vector<TestAgent> agents;
    for (const Release& release : releases) {
      agents.push_back({release.agent, release.agent == special ? its_version : version, "start", "", "", limits});
    }
    return meta.daemon_pid() > 0 ? meta.assign(agents) : meta.start(agents);
  }

  FleetOptions options() const {
    FleetOptions options;
    options.target = *parse_target(meta.address());
    options.hosts.hosts = hosts;
    options.hosts.unwell = 0;
    options.hosts.agents.clear();
    options.hosts.fail.clear();
    options.hosts.silent.clear();
    for (const Release& release : releases) {
      options.hosts.agents.push_back(release.agent);
      options.hosts.fail.push_back(release.fail);
      options.hosts.silent.push_back(release.silent);
    }
    options.hosts.versions = {"5.1.2"};
    options.hosts.reported_interval = reported_interval;
    options.hosts.update_time = shortened(options.hosts.update_time);
    options.hosts.probation = shortened(options.hosts.probation);
    options.hosts.report_delay = shortened(options.hosts.report_delay);
    options.keep = true;  // kept connections save CPU: fleet and ops-meta share one machine
    options.interval = interval;
    options.duration = 1e6;
    options.stop = &stop;
    return options;
  }

  /// Lets all hosts report 5.1.2, then assigns 5.2.0 of all these agents.
  void begin(std::vector<Release> of) {
    releases = std::move(of);
    ASSERT_TRUE(assign("5.1.2")) << meta.log();
    FleetOptions joining = options();
    joining.pacing = Pacing::flat_out;
    joining.until_all_in = true;
    ASSERT_EQ(run_fleet(joining).hosts_in, hosts);
    ASSERT_EQ(running(releases.front().agent, "5.1.2"), hosts);
    ASSERT_TRUE(assign("5.2.0"));
    fleet = std::thread([this, living = options()] { report = run_fleet(living); });
  }

  void end() {
    stop = true;
    if (fleet.joinable()) fleet.join();
  }

  nlohmann::json state(const std::string& agent, const std::string& version) const {
    const auto summary = nlohmann::json::parse(meta.get("/status/summary").body, nullptr, false);
    if (summary.is_discarded()) return nlohmann::json::object();
    return summary.at("rollouts").at(agent).value(version, nlohmann::json::object());
  }
  uint32_t running(const std::string& agent, const std::string& version) const {
    return state(agent, version).value("running", 0u);
  }
  uint32_t failed(const std::string& agent) const { return state(agent, "5.2.0").value("failed", 0u); }
  bool is_halted(const std::string& agent) const { return state(agent, "5.2.0").value("halted", false); }

  /// The number of intervals until the condition is true. The test fails after kPatience intervals.
  double intervals_until(const std::function<bool()>& condition) {
    const double seconds = seconds_of([&] { EXPECT_TRUE(eventually(condition, intervals(kPatience))) << meta.log(); });
    return seconds / interval;
  }
  double intervals_until_nearly_all_run(const std::string& agent, const std::string& version) {
    return intervals_until([&] { return running(agent, version) >= 0.999 * hosts; });
  }

  /// The update counts of an agent, after end().
  UpdateCounts counts_of(const std::string& agent) {
    for (size_t i = 0; i < releases.size(); ++i) {
      if (releases[i].agent != agent) continue;
      const UpdateCounts counts = report.updates.at(i);
      std::cout << agent << ": " << counts.begun << " of " << hosts << " hosts began the update, " << counts.started
                << " ran the new version, " << counts.failed << " had a failed update, " << counts.silent << " fell silent\n";
      return counts;
    }
    ADD_FAILURE() << "there is no agent " << agent;
    return {};
  }
  /// Waits until the rollout of the agent is halted and all hosts have sent heartbeats after that. Returns the update counts.
  UpdateCounts counts_after_halt(const std::string& agent) {
    intervals_until([&] { return is_halted(agent); });
    EXPECT_TRUE(always([&] { return is_halted(agent); }, intervals(1.2))) << state(agent, "5.2.0").dump();
    end();
    return counts_of(agent);
  }

  const uint32_t hosts;
  const double interval;  // seconds
  MetaBox meta;
  std::vector<Release> releases;
  std::string limits = limits_with_timeout(shortened(1800));
  int64_t reported_interval = 0;  // seconds; 0: none, so that hosts need no soak
  std::atomic<bool> stop = false;
  Report report;
  std::thread fleet;
};

void expect_at_most(double found, double limit, const std::string& what) {
  const auto minutes = [](double intervals) { return intervals * kDefaultInterval / 60; };
  std::cout << what << " " << found << " intervals, " << minutes(found) << " minutes at 300 s (limit " << minutes(limit)
            << ")\n";
  if (!kSanitized) {
    EXPECT_LE(found, limit) << what;
  }
}

struct ManyHosts : Rollout {
  ManyHosts() : Rollout({50'000, 20}) {}
};

TEST_F(ManyHosts, GetAGoodReleaseSoonAndABadOneOnFewHosts) {
  begin({{"good", 0}, {"broken", 100}, {"shaky", 20}, {"worn", kSanitized ? 1 : 0.1}});
  // The limits are twice those of the simulated rollouts, which a busy machine does not delay.
  expect_at_most(intervals_until_nearly_all_run("good", "5.2.0"), 10, "99.9% follow within");
  intervals_until([&] { return running("worn", "5.2.0") + failed("worn") == hosts; });
  EXPECT_FALSE(is_halted("worn")) << "a few failing hosts halted the rollout";
  EXPECT_GT(failed("worn"), 0u);
  ASSERT_TRUE(assign("5.2.0", "good", "5.1.2"));
  expect_at_most(intervals_until_nearly_all_run("good", "5.1.2"), 3.2, "99.9% are back within");
  EXPECT_TRUE(is_halted("broken"));
  EXPECT_TRUE(is_halted("shaky"));
  EXPECT_NE(meta.log().find("broken 5.2.0 is halted: 3 of 3 hosts failed"), std::string::npos) << meta.log();
  end();
  EXPECT_LE(counts_of("broken").begun, 3u);
  EXPECT_LE(counts_of("shaky").begun, 60u);
  EXPECT_EQ(counts_of("worn").begun, hosts);
}

// A separate test, because a silent host reports no agent at all. The timeout is one interval instead of six, to save time.
TEST_F(ManyHosts, AreNotSilencedByARelease) {
  limits = limits_with_timeout(interval);
  begin({{"mute", 0, 100}});
  EXPECT_LE(counts_after_halt("mute").begun, 10u);
}

/// ops-meta ends during a rollout. The next ops-meta continues with the files on the disk.
struct Restart : Rollout {
  Restart() : Rollout({5'000, 3}) {}
  void start_again() { ASSERT_TRUE(meta.Box::start()) << meta.log(); }
};

TEST_F(Restart, ContinuesARollout) {
  begin({{"broken", 100}});
  intervals_until([&] { return failed("broken") >= 1; });
  meta.process().stop();
  start_again();
  intervals_until([&] { return is_halted("broken"); });
  meta.process().stop();
  start_again();
  EXPECT_LE(counts_after_halt("broken").begun, 3u);
}

/// After a restart without saved state, no host changes during the warm-up of 1.2 intervals.
struct ForgetfulRestart : Restart {
  ForgetfulRestart() {
    limits = limits_with_timeout(2 * interval);
    reported_interval = static_cast<int64_t>(interval);
  }
};

// Compares `started` and not `begun`: ops-meta may withdraw an update before the new version runs.
TEST_F(ForgetfulRestart, DoesNotRepeatARolloutAfterAKill) {
  begin({{"broken", 100}});
  intervals_until([&] { return failed("broken") >= 2; });
  const std::string mark = meta / "var/rollouts.under-way";
  ASSERT_TRUE(eventually([&] { return !read_file(mark).empty(); })) << "ops-meta notes the longest interval for the warm-up";
  meta.process().kill();
  start_again();
  EXPECT_LE(counts_after_halt("broken").started, 3u);
  EXPECT_NE(meta.log().find("the state of rollouts is lost"), std::string::npos);
}

TEST_F(ForgetfulRestart, DoesNotRepeatARolloutWithoutTheHostTable) {
  begin({{"broken", 100}});
  intervals_until([&] { return failed("broken") >= 2; });
  meta.process().stop();
  ASSERT_TRUE(std::filesystem::remove(meta / "var/hosts.table"));
  start_again();
  EXPECT_LE(counts_after_halt("broken").started, 3u);
}

}  // namespace
}  // namespace ops::tests
