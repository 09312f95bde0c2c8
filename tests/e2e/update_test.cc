// Updates that fail, take long or lose the connection to ops-meta, from an operator's point of view.

#include <gtest/gtest.h>
#include <signal.h>

#include <cstdlib>

#include "tests/support/boxes.h"
#include "tests/support/fake_server.h"
#include "tests/support/promtool.h"
#include "tests/support/tarball.h"
#include "tests/support/text.h"
#include "tests/support/wait.h"

namespace ops::tests {
namespace {

using Versions = std::vector<std::string>;
using std::chrono::milliseconds;

constexpr char kTarget[] = "/demo-agent-2.0.0.tar.gz";

struct DemoMeta : MetaBox {
  DemoMeta() {
    publish("demo-agent", "1.0.0", demo_agent_tarball("one"));
    publish("second", "1.0.0", demo_agent_tarball("second"));
    EXPECT_TRUE(start({{"demo-agent", "1.0.0"}, {"second", "1.0.0"}})) << log();
  }

  /// Whether /status/json of demo-agent contains this text.
  bool shows(const std::string& text) const { return get("/status/json/demo-agent").body.find(text) != std::string::npos; }
};

/// Two agents run in version 1.0.0, past their probation. A FakeServer serves version 2.0.0 of demo-agent.
struct Update : testing::Test {
  Update() {
    EXPECT_TRUE(host.start()) << host.log();
    EXPECT_TRUE(eventually([&] { return is_settled("demo-agent") && is_settled("second"); })) << host.log();
  }

  /// Whether the agent is started and has no update under way.
  bool is_settled(const std::string& agent) const {
    const std::string json = meta.get("/status/json/" + agent).body;
    return json.find("\"started\"") != std::string::npos && json.find("update") == std::string::npos;
  }

  /// Assigns demo-agent 2.0.0 from this server, with the checksum of `tarball`.
  void assign_from(FakeServer& server, const std::string& tarball) {
    EXPECT_TRUE(meta.assign({{"demo-agent", "2.0.0", "start", md5_hex(tarball), server.url("")}, {"second", "1.0.0"}}));
  }

  /// Kills the second agent and waits until the updater has restarted it.
  void expect_restart_of_second() {
    const pid_t before = host.agent_pid("second", "1.0.0");
    EXPECT_GT(before, 0);
    send_signal(before, SIGKILL);
    EXPECT_TRUE(eventually([&] {
      const pid_t now = host.agent_pid("second", "1.0.0");
      return now > 0 && now != before;
    })) << host.log();
  }

  DemoMeta meta;
  UpdaterBox host{meta.address()};
};

TEST_F(Update, ThatCannotStartIsRolledBackReportedAndNotDownloadedAgain) {
  const std::string bad = agent_tarball_that_never_starts();
  FakeServer server([&](const FakeRequest&, const FakePeer& peer) { peer.send(http_reply(200, bad)); });
  assign_from(server, bad);
  ASSERT_TRUE(eventually([&] { return contains(host.log(), "2.0.0 failed"); })) << host.log();
  EXPECT_TRUE(eventually([&] { return host.running("demo-agent") == Versions{"1.0.0"}; })) << host.log();
  EXPECT_TRUE(eventually([&] { return meta.shows("rolled-back") && meta.shows("2.0.0 did not start"); }))
      << meta.get("/status/json/demo-agent").body;

  constexpr int kRounds = 100;
  for (int i = 0; i < kRounds; ++i) {
    const std::string log = host.log();
    host.process().signal(SIGHUP);
    ASSERT_TRUE(eventually([&] { return host.log().size() > log.size(); }));
  }
  EXPECT_EQ(server.count(kTarget), 1u);
  EXPECT_EQ(host.running("demo-agent"), Versions{"1.0.0"});
}

TEST_F(Update, ThatDownloadsForLongDelaysNeitherHeartbeatsNorOtherAgents) {
  const int rounds = std::getenv("OPS_SOAK") != nullptr ? 100 : 4;
  const std::string piece(20'000, 'x');
  FakeServer server([&](const FakeRequest&, const FakePeer& peer) {  // 0.2 MB/s for 300 s: longer than the test
    peer.send(http_head(200, {{"Content-Length", "60000000"}}));
    while (peer.send(piece)) peer.drip("x", milliseconds(100));
  });
  assign_from(server, "not these bytes");
  ASSERT_TRUE(eventually([&] { return meta.shows("downloading"); })) << host.log();
  expect_restart_of_second();
  EXPECT_TRUE(meta.receives_heartbeats(rounds));
  EXPECT_TRUE(meta.shows("downloading")) << "the download ended too early for this test: " << host.log();
  EXPECT_EQ(server.count(kTarget), 1u);
  EXPECT_EQ(host.running("demo-agent"), Versions{"1.0.0"});
}

TEST_F(Update, IsCancelledWhenTheAssignmentChanges) {
  FakeServer server([](const FakeRequest&, const FakePeer& peer) {
    peer.send(http_head(200, {{"Content-Length", "1000000"}}) + "a bit");
    peer.stall();
  });
  assign_from(server, "never sent completely");
  ASSERT_TRUE(eventually([&] { return meta.shows("downloading"); })) << host.log();
  ASSERT_TRUE(meta.assign({{"demo-agent", "1.0.0"}, {"second", "1.0.0"}}));
  EXPECT_TRUE(eventually([&] { return is_settled("demo-agent"); })) << host.log();
  const auto holds_no_part = [&] { return list(host.agent("demo-agent")) == Versions({".state", ".version", "1.0.0"}); };
  EXPECT_TRUE(eventually(holds_no_part)) << testing::PrintToString(list(host.agent("demo-agent")));
}

TEST_F(Update, ToNewContentOfTheSameVersionIsInstalledOrRolledBack) {
  const std::string anew = demo_agent_tarball("one, mended");
  meta.publish("demo-agent", "1.0.0", anew);
  ASSERT_TRUE(meta.assign({{"demo-agent", "1.0.0", "start", md5_hex(anew)}, {"second", "1.0.0"}}));
  const std::string mark = host.agent("demo-agent") + "/1.0.0/mark";
  EXPECT_TRUE(eventually([&] { return read_file(mark) == "one, mended" && host.running("demo-agent") == Versions{"1.0.0"}; }))
      << host.log();
  EXPECT_TRUE(eventually([&] { return is_settled("demo-agent"); })) << host.log();

  const std::string bad = agent_tarball_that_never_starts();
  meta.publish("demo-agent", "1.0.0", bad);
  ASSERT_TRUE(meta.assign({{"demo-agent", "1.0.0", "start", md5_hex(bad)}, {"second", "1.0.0"}}));
  EXPECT_TRUE(eventually([&] { return meta.shows("rolled-back"); })) << host.log();
  EXPECT_EQ(read_file(mark), "one, mended");
  EXPECT_EQ(host.running("demo-agent"), Versions{"1.0.0"});
  EXPECT_TRUE(eventually([&] {
    return list(host.agent("demo-agent")) == Versions({".failed-1.0.0", ".state", ".version", "1.0.0"});
  })) << testing::PrintToString(list(host.agent("demo-agent")));
}

TEST_F(Update, ThatFailsLeavesItsLogsUntilTheNextRelease) {
  const std::string script =
      "#!/bin/sh\ncase $1 in\n  start) echo 'no route to db1' >>app.log; echo reading cfg; echo 'port 80 is taken' >&2 ;;\n"
      "  status) echo stoped ;;\nesac\n";
  meta.publish("demo-agent", "2.0.0", make_agent_tarball(script));
  ASSERT_TRUE(meta.assign({{"demo-agent", "2.0.0"}, {"second", "1.0.0"}}));
  const std::string kept = host.agent("demo-agent") + "/.failed-2.0.0";
  EXPECT_TRUE(eventually([&] { return read_file(kept + "/app.log") == "no route to db1\n"; })) << host.log();
  EXPECT_TRUE(eventually([&] { return meta.shows("rolled-back"); }));
  for (const std::string& words : {"its files are in " + kept, std::string("reading cfg | port 80 is taken")}) {
    EXPECT_TRUE(meta.shows(words)) << meta.get("/status/json/demo-agent").body;
    EXPECT_TRUE(contains(host.log(), words)) << host.log();
  }
  meta.publish("demo-agent", "3.0.0", demo_agent_tarball("three"));
  ASSERT_TRUE(meta.assign({{"demo-agent", "3.0.0"}, {"second", "1.0.0"}}));
  EXPECT_TRUE(eventually([&] { return host.running("demo-agent") == Versions{"3.0.0"} && !exists(kept); })) << host.log();
}

TEST_F(Update, ToAVersionWithATildeIsInstalled) {
  const std::string candidate = demo_agent_tarball("candidate");
  meta.publish("demo-agent", "2.0.0~rc1", candidate);
  ASSERT_TRUE(meta.assign({{"demo-agent", "2.0.0~rc1"}, {"second", "1.0.0"}})) << meta.log();
  EXPECT_TRUE(eventually([&] { return meta.status("demo-agent").starts_with("h1 2.0.0~rc1 started "); })) << host.log();
  EXPECT_EQ(host.version("demo-agent"), "2.0.0~rc1");
  EXPECT_EQ(host.running("demo-agent"), Versions{"2.0.0~rc1"});
}

TEST_F(Update, AnOutageOfMetaIsLoggedOnceAndAgentsStaySupervised) {
  const pid_t demo = host.agent_pid("demo-agent", "1.0.0");
  meta.process().kill();
  EXPECT_TRUE(eventually([&] { return contains(host.log(), "no answer from ops-meta"); })) << host.log();
  const std::string log = host.log();
  const auto failures = [&] { return sample(get(host.port(), "/metrics").body, "ops_updater_poll_failures_total"); };
  const double before = failures();
  EXPECT_TRUE(eventually([&] { return failures() >= before + 3; }));
  EXPECT_EQ(host.log(), log) << "the updater logs the same outage again";
  EXPECT_EQ(host.agent_pid("demo-agent", "1.0.0"), demo);
  expect_restart_of_second();
  ASSERT_TRUE(meta.start({{"demo-agent", "1.0.0"}, {"second", "1.0.0"}})) << meta.log();
  EXPECT_TRUE(eventually([&] { return is_settled("demo-agent"); })) << host.log();
}

}  // namespace
}  // namespace ops::tests
