// A release that starts well and dies later: the host goes back by itself, and few hosts ever run it. Real daemons, real
// agents.

#include <gtest/gtest.h>
#include <signal.h>

#include <chrono>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <sstream>

#include "tests/support/boxes.h"
#include "tests/support/tarball.h"
#include "tests/support/text.h"
#include "tests/support/wait.h"

namespace ops::tests {
namespace {

using Clock = std::chrono::steady_clock;
using Versions = std::vector<std::string>;
using std::chrono::seconds;

constexpr char kName[] = "demo-agent";
constexpr char kLongSoak[] = R"(, "rollout": {"soak": 3600})";

/// A demo agent that notes its folder in the file `evidence` at each start, and dies after `life` seconds.
std::string mortal_tarball(const std::string& evidence, int life) {
  std::string agent = demo_agent_file("agent");
  agent.replace(agent.find("sleep infinity"), 14, "sleep " + std::to_string(life));
  agent.insert(agent.find("exec -a"), "pwd >>'" + evidence + "'\n");
  return make_agent_tarball(demo_agent_file("control"), {{"agent", agent}});
}

// ---- one host ----

struct LateFailure : testing::Test {
  void SetUp() override {
    meta.publish(kName, "1.0.0", demo_agent_tarball("one"));
    meta.publish(kName, "2.0.0", demo_agent_tarball("two"));
    ASSERT_TRUE(meta.start({{kName, "1.0.0", "start", "", "", kLongSoak}})) << meta.log();
    UpdaterSettings settings;
    settings.more = ", \"keepVersions\": 1";
    box.emplace(meta.address(), settings);
    ASSERT_TRUE(box->start()) << box->log();
    ASSERT_TRUE(eventually([&] { return is_reported("1.0.0"); })) << box->log();
    ASSERT_TRUE(meta.assign({{kName, "2.0.0", "start", "", "", kLongSoak}}));
    ASSERT_TRUE(eventually([&] { return is_reported("2.0.0"); })) << box->log();
  }

  /// Whether ops-meta knows this version as started and past its probation.
  bool is_reported(const std::string& version) const {
    const std::string json = meta.get(std::string("/status/json/") + kName).body;
    return contains(json, "\"" + version + "\"") && contains(json, "\"started\"") && !contains(json, "\"update\"");
  }
  /// Kills the agent, and waits until it is started again.
  void kill_once() {
    const pid_t before = box->agent_pid(kName, "2.0.0");
    ASSERT_GT(before, 0) << box->log();
    send_signal(before, SIGKILL);
    EXPECT_TRUE(eventually([&] {
      const pid_t now = box->agent_pid(kName, "2.0.0");
      return now > 0 && now != before;
    })) << box->log();
  }
  void kill_last_time() { send_signal(box->agent_pid(kName, "2.0.0"), SIGKILL); }
  bool is_back() const { return box->running(kName) == Versions{"1.0.0"} && box->version(kName) == "1.0.0"; }

  MetaBox meta;
  std::optional<UpdaterBox> box;
};

TEST_F(LateFailure, IsRolledBackAtTheThirdDeathAndReported) {
  EXPECT_TRUE(exists(box->agent(kName) + "/1.0.0")) << "keepVersions is 1, but the host still soaks";
  kill_once();
  kill_once();
  kill_last_time();
  EXPECT_TRUE(eventually([&] { return is_back(); })) << box->log();
  const std::string why = "was \\\"stoped\\\" for the third time in its soak of 3600 s";
  EXPECT_TRUE(eventually([&] {
    const std::string json = meta.get(std::string("/status/json/") + kName).body;
    return contains(json, "rolled-back") && contains(json, why);
  })) << meta.get(std::string("/status/json/") + kName).body;
  EXPECT_TRUE(contains(box->log(), "demo-agent 2.0.0 failed: was \"stoped\" for the third time")) << box->log();
  EXPECT_TRUE(meta.receives_heartbeats(3));
  EXPECT_TRUE(is_back()) << "the release is latched";
}

TEST_F(LateFailure, IsRolledBackWithoutOpsMetaAndThroughRestartsOfTheUpdater) {
  EXPECT_EQ(meta.process().stop(), 0);
  kill_once();
  EXPECT_EQ(box->process().stop(), 0);
  ASSERT_TRUE(box->start()) << box->log();
  kill_once();
  box->process().kill();
  ASSERT_TRUE(box->start()) << box->log();
  kill_last_time();
  EXPECT_TRUE(eventually([&] { return is_back(); })) << box->log();
}

TEST_F(LateFailure, CountsNoDeathsWhenTheOperatorHoldsTheAgent) {
  kill_once();
  kill_once();
  write_file(box->agent(kName) + "/.hold", "being looked into");
  EXPECT_TRUE(eventually([&] { return contains(box->log(), "end the soak: the agent is held"); })) << box->log();
  std::filesystem::remove(box->agent(kName) + "/.hold");
  kill_once();
  EXPECT_EQ(box->version(kName), "2.0.0");
}

// ---- five hosts ----

struct FiveHosts : testing::Test {
  void start(const std::string& more) {
    meta.add_control();
    meta.publish(kName, "1.0.0", demo_agent_tarball("one"));
    ASSERT_TRUE(meta.start({{kName, "1.0.0", "start", "", "", more}})) << meta.log();
    for (int i = 0; i < 5; ++i) {
      const std::string name = "h" + std::to_string(i);
      hosts.push_back(
          std::make_unique<UpdaterBox>(meta.address(), UpdaterSettings{.hostname = name, .interval = 3, .probation = 2}));
      ASSERT_TRUE(hosts.back()->start()) << hosts.back()->log();
    }
    ASSERT_TRUE(eventually([&] { return hosts_on("1.0.0") == 5; })) << meta.status(kName);
  }

  size_t hosts_on(const std::string& version) const {
    const std::string lines = meta.get(std::string("/status/text/") + kName + "?status=started&version=" + version).body;
    return static_cast<size_t>(std::count(lines.begin(), lines.end(), '\n'));
  }
  nlohmann::json rollout(const std::string& version) const {
    const auto summary = nlohmann::json::parse(meta.get("/status/summary").body, nullptr, false);
    if (summary.is_discarded()) return nlohmann::json::object();
    return summary.at("rollouts").at(kName).value(version, nlohmann::json::object());
  }
  std::set<std::string> hosts_that_tried() const {
    std::istringstream lines(std::filesystem::exists(evidence) ? read_file(evidence) : "");
    std::set<std::string> folders;
    for (std::string folder; std::getline(lines, folder);) folders.insert(folder);
    return folders;
  }

  TempDir notes;
  std::string evidence = notes / "tried";
  MetaBox meta;
  std::vector<std::unique_ptr<UpdaterBox>> hosts;
};

TEST_F(FiveHosts, TakeAGoodReleaseWithin90SecondsAndTheSummarySaysWhyTheOthersWait) {
  start("");
  meta.publish(kName, "2.0.0", demo_agent_tarball("two"));
  ASSERT_TRUE(meta.assign({{kName, "2.0.0"}}));
  const auto begin = Clock::now();
  Process wait({"./control", "wait", kName, "2.0.0", "--timeout", "90s"}, meta.folder(), meta / "wait.out");
  Clock::time_point explained = begin;
  Clock::duration longest{};
  bool has_soaked = false;
  while (wait.is_running()) {
    const auto state = rollout("2.0.0");
    const auto now = Clock::now();
    const std::string reason = state.value("waits", "");
    if (!reason.empty() || state.value("running", 0) == 5) explained = now;
    has_soaked = has_soaked || contains(reason, "soaking: ");
    longest = std::max(longest, now - explained);
  }
  EXPECT_EQ(wait.wait(), 0) << read_file(meta / "wait.out");
  EXPECT_EQ(hosts_on("2.0.0"), 5U);
  EXPECT_LT(longest, seconds(20)) << "the next host asks within an interval";
  // ./control wait prints every 10 s, so a soak of 6 s may begin and end between two of its lines.
  EXPECT_TRUE(has_soaked) << "/status/summary never said so";
  const std::string said = read_file(meta / "wait.out");
  EXPECT_TRUE(contains(said, "demo-agent 2.0.0  runs on 5 of 5 hosts\n")) << said;
}

TEST_F(FiveHosts, AtMostTwoEverRunAReleaseThatDiesAfter20Seconds) {
  const std::string soak = R"(, "rollout": {"soak": 30})";
  start(soak);
  meta.publish(kName, "2.0.0", mortal_tarball(evidence, 20));
  ASSERT_TRUE(meta.assign({{kName, "2.0.0", "start", "", "", soak}}));
  const auto is_in_trouble = [&] {
    const auto state = rollout("2.0.0");
    return state.contains("late") && state.at("late").value("restarting", 0) > 0;
  };
  EXPECT_TRUE(eventually(is_in_trouble, seconds(150))) << rollout("2.0.0").dump();
  ASSERT_TRUE(meta.assign({{kName, "1.0.0", "start", "", "", soak}}));  // the operator gives it up
  EXPECT_TRUE(eventually([&] { return hosts_on("1.0.0") == 5; })) << meta.status(kName);
  EXPECT_LE(hosts_that_tried().size(), 2U) << read_file(evidence);
  for (const auto& host : hosts) EXPECT_EQ(host->running(kName), Versions{"1.0.0"}) << host->log();
}

}  // namespace
}  // namespace ops::tests
