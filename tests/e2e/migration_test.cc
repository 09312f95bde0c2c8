// "Migrating from the Go original" in common/README.md, step by step. The Go programs are imitated by the bytes that they send
// and the folders that they leave; our daemons are real.

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <memory>

#include "tests/support/boxes.h"
#include "tests/support/fake_meta.h"
#include "tests/support/go_updater.h"
#include "tests/support/manual.h"
#include "tests/support/tarball.h"
#include "tests/support/wait.h"

namespace ops::tests {
namespace {

namespace fs = std::filesystem;
using Versions = std::vector<std::string>;

constexpr char kName[] = "demo-agent";

/// A host with a Go updater.
struct GoHost {
  explicit GoHost(const std::string& hostname) : updater(folder.path(), hostname) {}
  ~GoHost() {
    for (const std::string& version : list(folder / kName)) {
      if (exists(folder / (kName + ("/" + version)) + "/control")) control(version, "stop");
    }
  }
  std::string control(const std::string& version, const std::string& verb) const {
    const std::string output = run({"./control", verb}, folder / (kName + ("/" + version))).output;
    return output.substr(0, output.find('\n'));
  }
  std::string version() const { return read_file(folder / kName + std::string("/.version")); }

  TempDir folder;
  GoUpdater updater;
};

/// An ops-meta with two versions of the demo agent, and hosts with a Go updater that run the first version.
struct Migration : testing::Test {
  void begin(int go_hosts) {
    meta.publish(kName, "1.0.0", demo_agent_tarball("one"));
    meta.publish(kName, "2.0.0", demo_agent_tarball("two"));
    ASSERT_TRUE(meta.start({{kName, "1.0.0", "start", "", "", R"(, "rollout": {"parallel": 0})"}})) << meta.log();
    for (int i = 1; i <= go_hosts; ++i) {
      hosts.push_back(std::make_unique<GoHost>("go" + std::to_string(i)));
      hosts.back()->updater.round(meta.port());
      hosts.back()->updater.round(meta.port());
    }
    ASSERT_EQ(count("version=1.0.0&status=started"), go_hosts) << meta.status(kName);
  }
  int count(const std::string& filter) const {
    const std::string lines = meta.get(std::string("/status/text/") + kName + "?" + filter).body;
    return static_cast<int>(std::count(lines.begin(), lines.end(), '\n'));
  }
  /// Lets all Go hosts do rounds, one host after the other, until `all` hosts report this version as started. Returns the
  /// number of rounds.
  int rounds_until_all_report(const std::string& version, int all) const {
    for (int round = 1; round <= 20; ++round) {
      for (const auto& host : hosts) host->updater.round(meta.port());
      if (count("version=" + version + "&status=started") == all) return round;
    }
    ADD_FAILURE() << meta.status(kName) << meta.log();
    return 0;
  }

  MetaBox meta;
  std::vector<std::unique_ptr<GoHost>> hosts;
};

/// A reply in the form that the Go ops-meta sends.
std::string recorded_reply(const std::string& version, const std::string& tarball, const std::string& cmd = "start") {
  return R"({"errorMessage":"","desiredAgents":[{"name":"demo-agent","version":")" + version + R"(","tarball":")" + tarball +
         R"(","md5":"","cmd":")" + cmd + R"("}]})";
}

/// Runs the line of common/README.md that replaces a Go daemon, in this folder. It unpacks a pack as `./control pack` makes it.
Finished follow_the_manual(const std::string& daemon, const std::string& folder) {
  const TempDir home;
  const std::string pack = home / daemon;
  const std::string example = daemon == "ops-meta" ? "/cfg.example.json" : "/updater/cfg.example.json";
  write_file(pack + "/control", read_file(std::string(OPS_SOURCE_DIR) + "/control"), 0755);
  write_file(pack + "/" + daemon, read_file(std::string(OPS_BUILD_DIR) + "/" + daemon), 0755);
  write_file(pack + "/cfg.example.json", read_file(OPS_SOURCE_DIR + example));
  EXPECT_EQ(run({"tar", "czf", home / (daemon + "-1.0.0.tar.gz"), "-C", pack, "."}).exit_code, 0);
  std::string line = manual_lines("cd /opt/" + daemon + " && ./control stop");
  const std::string place = "/opt/" + daemon;
  EXPECT_NE(line.find(place), std::string::npos);
  line.replace(line.find(place), place.size(), folder);
  return run({"env", "HOME=" + home.path(), "bash", "-c", line});
}

/// The stop verb of the Go daemons' control: it kills the process in the pid file.
constexpr char kGoControl[] = R"bash(#!/bin/bash
cd "$(dirname "$0")"
[[ $1 == stop ]] && kill "$(cat var/app.pid)" && echo "stoped..."
)bash";

// Runs the commands of both steps of common/README.md. The Go daemons are imitated by their control, pid file and folders.
TEST_F(Migration, TheManualsCommandsReplaceBothDaemons) {
  begin(0);
  meta.process().stop();
  UpdaterBox host(meta.address());
  GoUpdater(host.folder(), "h1").untar(kName, "1.0.0", demo_agent_tarball("one"));
  GoUpdater(host.folder(), "h1").write_version(kName, "1.0.0");
  host.control(kName, "1.0.0", "start");
  const pid_t agent = host.agent_pid(kName, "1.0.0");
  for (const auto& [daemon, box] : std::map<std::string, const Box*>{{"ops-meta", &meta}, {"ops-updater", &host}}) {
    Process go_daemon({"sleep", "1000"}, "", *box / "go.log");
    fs::remove(*box / daemon);
    write_file(*box / "control", kGoControl, 0755);
    write_file(*box / "var/app.pid", std::to_string(go_daemon.pid()) + "\n");
    const Finished followed = follow_the_manual(daemon, box->folder());
    EXPECT_EQ(followed.exit_code, 0) << followed.output << box->log();
    EXPECT_NE(go_daemon.wait(), -1) << daemon;
  }
  EXPECT_TRUE(eventually([&] { return meta.status(kName).starts_with("h1 1.0.0 started "); })) << host.log() << meta.log();
  EXPECT_EQ(host.agent_pid(kName, "1.0.0"), agent);
  for (const Box* box : {static_cast<const Box*>(&host), static_cast<const Box*>(&meta)}) {
    EXPECT_EQ(run({*box / "control", "stop"}).exit_code, 0);
  }
}

// Step 1. The folder of the Go ops-meta holds its cfg.json and tarball/.
TEST_F(Migration, OpsMetaAcceptsTheGoConfigAndAnswersAGoUpdaterInTheSameBytes) {
  begin(1);
  const std::string url = meta.url("/demo-agent");
  write_file(meta / "cfg.json", R"({"debug": true, "tarballDir": "./tarball",
    "http": {"enabled": true, "listen": "127.0.0.1:)" +
                                    std::to_string(meta.port()) + R"("},
    "agents": [{"default": {"name": "demo-agent", "version": "1.0.0", "tarball": ")" +
                                    url + R"(", "md5": "", "cmd": "start"},
                "others": [{"prefix": "lg-", "version": "2.0.0", "tarball": "", "md5": "", "cmd": ""}]}]})");
  const Finished checked = run({meta / "ops-meta", "-t", "-c", meta / "cfg.json"});
  EXPECT_EQ(checked.exit_code, 0) << checked.output;
  meta.process().stop();
  ASSERT_TRUE(meta.Box::start()) << meta.log();
  EXPECT_EQ(hosts[0]->updater.heartbeat(meta.port()), recorded_reply("1.0.0", url));
  EXPECT_EQ(count("status=started"), 1);
}

// Step 2. takeover_test.cc replaces the updater during an upgrade.
TEST_F(Migration, TheUpdaterIsReplacedUnderARunningAgent) {
  begin(0);
  UpdaterBox host(meta.address(), {.hostname = "go1"});
  GoUpdater(host.folder(), "go1").round(meta.port());
  const pid_t before = host.agent_pid(kName, "1.0.0");
  ASSERT_GT(before, 0);
  ASSERT_TRUE(host.start()) << host.log();
  EXPECT_TRUE(eventually([&] {
    return meta.get("/status/host/go1").body.find(R"("updaterVersion":"1.0.0")") != std::string::npos;
  })) << host.log();
  EXPECT_EQ(host.agent_pid(kName, "1.0.0"), before);
}

TEST_F(Migration, AReleaseReachesGoUpdatersAndOpsUpdatersAlike) {
  begin(2);
  UpdaterBox host(meta.address(), {.hostname = "ours"});
  ASSERT_TRUE(host.start()) << host.log();
  ASSERT_TRUE(eventually([&] { return count("version=1.0.0&status=started") == 3; })) << host.log();
  ASSERT_TRUE(meta.assign({{kName, "2.0.0"}}));
  EXPECT_TRUE(eventually([&] {
    for (const auto& go : hosts) go->updater.round(meta.port());
    return count("version=2.0.0&status=started") == 3;
  })) << meta.status(kName)
      << host.log();
  EXPECT_EQ(host.running(kName), Versions{"2.0.0"});
  for (const auto& go : hosts) {
    EXPECT_EQ(go->version(), "2.0.0");
    EXPECT_EQ(go->control("1.0.0", "status"), "stoped");
  }
}

// Hosts with ops-updater need less, because they report a change at once.
TEST_F(Migration, AReleaseTakesFourIntervalsInASiteOfFiveGoUpdaters) {
  begin(5);
  ASSERT_TRUE(meta.assign({{kName, "2.0.0"}}));
  EXPECT_EQ(rounds_until_all_report("2.0.0", 5), 5) << "ops-meta assigns 2.0.0 to one, one, two and one host in rounds 1 to 4";
  ASSERT_TRUE(meta.assign({{kName, "1.0.0", "start", "", "", R"(, "rollout": {"parallel": 0})"}}));
  EXPECT_EQ(rounds_until_all_report("1.0.0", 5), 2) << "as with the Go ops-meta";
}

TEST_F(Migration, AReleaseThatFailsOnGoUpdatersReachesOneOfThemUntilItsTimeout) {
  begin(5);
  meta.publish(kName, "3.0.0", make_agent_tarball("#!/bin/sh\n[ $1 = status ] && echo stoped\n"));
  ASSERT_TRUE(meta.assign({{kName, "3.0.0"}}));
  for (int round = 0; round < 4; ++round) {
    for (const auto& host : hosts) host->updater.round(meta.port());
  }
  EXPECT_EQ(count("version=3.0.0"), 1) << meta.status(kName);
  EXPECT_EQ(count("version=1.0.0&status=started"), 4) << meta.status(kName);
}

TEST_F(Migration, StopDependsOnTheVersionForGoUpdatersOnly) {
  begin(1);
  UpdaterBox host(meta.address(), {.hostname = "ours"});
  ASSERT_TRUE(host.start()) << host.log();
  ASSERT_TRUE(eventually([&] { return host.running(kName) == Versions{"1.0.0"}; })) << host.log();
  ASSERT_TRUE(meta.assign({{kName, "2.0.0", "stop"}}));
  hosts[0]->updater.round(meta.port());
  EXPECT_EQ(hosts[0]->control("1.0.0", "status"), "started");
  EXPECT_TRUE(eventually([&] { return host.running(kName).empty(); })) << host.log();
}

// Back to the Go ops-meta with our updaters. The Go ops-meta escapes characters in its JSON.
TEST_F(Migration, AnUpdaterObeysTheGoOpsMetaAndItsEscapes) {
  FakeMeta go_meta;
  const std::string tarball = demo_agent_tarball("one");
  go_meta.publish(kName, "1.0.0", tarball);
  const std::string base = go_meta.url("/\\u0074");  // "t", escaped as Go's encoder escapes "&"
  go_meta.answer(http_reply(200, recorded_reply("1.0.0", base), {{"Content-Type", "application/json; charset=UTF-8"}}));
  UpdaterBox host(go_meta.address());
  ASSERT_TRUE(host.start()) << host.log();
  EXPECT_TRUE(eventually([&] { return host.running(kName) == Versions{"1.0.0"}; })) << host.log();
}

// Back to the Go updater. It unpacks over the running version, so /proc/PID/exe of the agent is "(deleted)" afterwards.
TEST_F(Migration, AHostReturnsToTheGoUpdaterAndToOpsUpdaterAgain) {
  const std::string name = "falcon-agent";
  meta.publish(name, "1.0.0", manual_agent_tarball("one"));
  meta.publish(name, "2.0.0", manual_agent_tarball("two"));
  ASSERT_TRUE(meta.start({{name, "1.0.0"}})) << meta.log();
  UpdaterBox host(meta.address());
  const auto pid = [&](const std::string& version) { return read_file(host.agent(name) + "/" + version + "/app.pid"); };
  ASSERT_TRUE(host.start()) << host.log();
  ASSERT_TRUE(eventually([&] { return meta.status(name).starts_with("h1 1.0.0 started "); })) << host.log();
  const std::string first = pid("1.0.0");
  host.process().stop();

  const GoUpdater go(host.folder(), "h1");
  for (int round = 0; round < 3; ++round) go.round(meta.port());
  EXPECT_EQ(host.control(name, "1.0.0", "status"), "started");
  EXPECT_EQ(pid("1.0.0"), first) << "the Go updater started another process";

  ASSERT_TRUE(meta.assign({{name, "2.0.0"}}));
  for (int round = 0; round < 3; ++round) go.round(meta.port());
  EXPECT_EQ(host.running(name), Versions{"2.0.0"});
  const std::string second = pid("2.0.0");

  ASSERT_TRUE(host.start()) << host.log();
  EXPECT_TRUE(eventually([&] {
    return meta.get("/status/host/h1").body.find(R"("updaterVersion":"1.0.0")") != std::string::npos;
  })) << host.log();
  EXPECT_EQ(host.running(name), Versions{"2.0.0"});
  EXPECT_EQ(pid("2.0.0"), second);
}

}  // namespace
}  // namespace ops::tests
