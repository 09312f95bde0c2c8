// Updates that go wrong, take long, or lose their meta, as an operator sees them.

#include <gtest/gtest.h>
#include <signal.h>

#include <cstdlib>

#include "common/base/text.h"
#include "tests/support/boxes.h"
#include "tests/support/hell_server.h"
#include "tests/support/tarball.h"
#include "tests/support/wait.h"

namespace ops::tests {
namespace {

using Clock = std::chrono::steady_clock;
using Versions = std::vector<std::string>;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr char kTarget[] = "/demo-agent-2.0.0.tar.gz";

/// Counts the rounds of an updater as meta sees them.
int heartbeats(const MetaBox& meta) {
  const std::string text = meta.get("/status/host/h1").body;
  return static_cast<int>(std::hash<std::string>{}(text));
}

struct DemoMeta : MetaBox {
  DemoMeta() {
    publish("demo-agent", "1.0.0", demo_agent_tarball("one"));
    publish("second", "1.0.0", demo_agent_tarball("second"));
    EXPECT_TRUE(start({{"demo-agent", "1.0.0"}, {"second", "1.0.0"}})) << log();
  }

  bool says(const std::string& text) const { return get("/status/json/demo-agent").body.find(text) != std::string::npos; }
};

/// Two agents run in version 1.0.0, past their probation. Version 2.0.0 of one of them is on another server.
struct Update : testing::Test {
  Update() {
    EXPECT_TRUE(host.start()) << host.log();
    EXPECT_TRUE(eventually([&] { return is_calm("demo-agent") && is_calm("second"); })) << host.log();
  }

  bool is_calm(const std::string& agent) const {
    const std::string json = meta.get("/status/json/" + agent).body;
    return json.find("\"started\"") != std::string::npos && json.find("update") == std::string::npos;
  }

  /// Serves these bytes as version 2.0.0, in its own way, and desires it.
  void desire_from(HellServer& server, const std::string& tarball) {
    EXPECT_TRUE(meta.desire({{"demo-agent", "2.0.0", "start", md5_hex(tarball), server.url("")}, {"second", "1.0.0"}}));
  }

  /// The second agent is killed; how long until it runs again.
  milliseconds time_to_restart_second() {
    const pid_t before = host.agent_pid("second", "1.0.0");
    EXPECT_GT(before, 0);
    send_signal(before, SIGKILL);
    const auto killed_at = Clock::now();
    EXPECT_TRUE(eventually([&] {
      const pid_t now = host.agent_pid("second", "1.0.0");
      return now > 0 && now != before;
    })) << host.log();
    return std::chrono::duration_cast<milliseconds>(Clock::now() - killed_at);
  }

  DemoMeta meta;
  UpdaterBox host{meta.address()};
};

TEST_F(Update, ThatCannotStartIsTakenBackReportedAndNotFetchedAgain) {
  const std::string bad = make_agent_tarball("#!/bin/sh\n[ $1 = status ] && echo stoped && exit 0\n[ $1 = stop ]\n");
  HellServer server([&](const HellRequest&, const HellPeer& peer) { peer.send(http_reply(200, bad)); });
  desire_from(server, bad);
  ASSERT_TRUE(eventually([&] { return host.log().find("2.0.0 failed") != std::string::npos; })) << host.log();
  const auto failed_at = Clock::now();
  EXPECT_TRUE(eventually([&] { return host.running("demo-agent") == Versions{"1.0.0"}; }, seconds(10))) << host.log();
  const auto back_at = Clock::now();
  EXPECT_TRUE(eventually([&] { return meta.says("rolled-back") && meta.says("2.0.0 did not start"); }, seconds(2)))
      << meta.get("/status/json/demo-agent").body;
  std::cout << "the old version runs " << std::chrono::duration_cast<milliseconds>(back_at - failed_at).count()
            << " ms after the failure, meta knows " << std::chrono::duration_cast<milliseconds>(Clock::now() - back_at).count()
            << " ms later\n";

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
  const bool full = std::getenv("OPS_SOAK") != nullptr;
  const int megabytes = full ? 300 : 4;
  const std::string piece(1 << 20, 'x');
  HellServer server([&](const HellRequest&, const HellPeer& peer) {
    if (!peer.send(http_head(200, {{"Content-Length", std::to_string(megabytes << 20)}}))) return;
    for (int sent = 0; sent < megabytes && peer.send(piece); ++sent) {
      eventually([] { return false; }, seconds(1));  // 1 MB/s
    }
  });
  desire_from(server, "not what is sent");
  ASSERT_TRUE(eventually([&] { return meta.says("downloading"); })) << host.log();
  const auto restarted_in = time_to_restart_second();
  EXPECT_LT(restarted_in, seconds(2));  // an interval and the start

  milliseconds longest_gap(0);
  int last = heartbeats(meta);
  auto heard_at = Clock::now();
  while (meta.says("downloading")) {
    eventually([&] { return heartbeats(meta) != last; }, seconds(10));
    last = heartbeats(meta);
    longest_gap = std::max(longest_gap, std::chrono::duration_cast<milliseconds>(Clock::now() - heard_at));
    heard_at = Clock::now();
  }
  std::cout << megabytes << " MB at 1 MB/s: longest gap between heartbeats " << longest_gap.count()
            << " ms, the killed agent was back after " << restarted_in.count() << " ms\n";
  EXPECT_LT(longest_gap, seconds(3));
  EXPECT_EQ(host.running("demo-agent"), Versions{"1.0.0"});
}

TEST_F(Update, IsCancelledWhenMetaChangesItsMind) {
  HellServer server([](const HellRequest&, const HellPeer& peer) {
    peer.send(http_head(200, {{"Content-Length", "1000000"}}) + "a bit");
    peer.stall();
  });
  desire_from(server, "never sent whole");
  ASSERT_TRUE(eventually([&] { return meta.says("downloading"); })) << host.log();
  ASSERT_TRUE(meta.desire({{"demo-agent", "1.0.0"}, {"second", "1.0.0"}}));
  EXPECT_TRUE(eventually([&] { return is_calm("demo-agent"); }, seconds(5))) << host.log();
  const auto holds_no_part = [&] { return list(host.agent("demo-agent")) == Versions({".state", ".version", "1.0.0"}); };
  EXPECT_TRUE(eventually(holds_no_part)) << testing::PrintToString(list(host.agent("demo-agent")));
}

TEST_F(Update, SameVersionInNewContentIsInstalledAndABadOneTakenBack) {
  const std::string anew = demo_agent_tarball("one, mended");
  meta.publish("demo-agent", "1.0.0", anew);
  ASSERT_TRUE(meta.desire({{"demo-agent", "1.0.0", "start", md5_hex(anew)}, {"second", "1.0.0"}}));
  const std::string mark = host.agent("demo-agent") + "/1.0.0/mark";
  EXPECT_TRUE(eventually([&] { return read_file(mark) == "one, mended" && host.running("demo-agent") == Versions{"1.0.0"}; }))
      << host.log();
  EXPECT_TRUE(eventually([&] { return is_calm("demo-agent"); })) << host.log();

  const std::string bad = make_agent_tarball("#!/bin/sh\n[ $1 = status ] && echo stoped && exit 0\n[ $1 = stop ]\n");
  meta.publish("demo-agent", "1.0.0", bad);
  ASSERT_TRUE(meta.desire({{"demo-agent", "1.0.0", "start", md5_hex(bad)}, {"second", "1.0.0"}}));
  EXPECT_TRUE(eventually([&] { return meta.says("rolled-back"); })) << host.log();
  EXPECT_EQ(read_file(mark), "one, mended");
  EXPECT_EQ(host.running("demo-agent"), Versions{"1.0.0"});
  EXPECT_TRUE(eventually([&] { return list(host.agent("demo-agent")) == Versions({".state", ".version", "1.0.0"}); }));
}

TEST_F(Update, ToAVersionWithATildeIsOneLikeAnyOther) {
  const std::string candidate = demo_agent_tarball("candidate");
  meta.publish("demo-agent", "2.0.0~rc1", candidate);
  ASSERT_TRUE(meta.desire({{"demo-agent", "2.0.0~rc1"}, {"second", "1.0.0"}})) << meta.log();
  EXPECT_TRUE(eventually([&] { return meta.status("demo-agent").starts_with("h1 2.0.0~rc1 started "); })) << host.log();
  EXPECT_EQ(host.version("demo-agent"), "2.0.0~rc1");
  EXPECT_EQ(host.running("demo-agent"), Versions{"2.0.0~rc1"});
}

TEST_F(Update, StoppingMetaChangesNothingButTheLog) {
  const pid_t demo = host.agent_pid("demo-agent", "1.0.0");
  const size_t lines_before = host.log().size();
  meta.process().kill();
  EXPECT_TRUE(eventually([&] { return host.log().find("no answer from ops-meta") != std::string::npos; })) << host.log();
  const std::string once = host.log();
  EXPECT_TRUE(always([&] { return host.log() == once && host.agent_pid("demo-agent", "1.0.0") == demo; }, seconds(4)))
      << "the log grew from " << lines_before << " bytes to\n"
      << host.log();
  time_to_restart_second();
  ASSERT_TRUE(meta.start({{"demo-agent", "1.0.0"}, {"second", "1.0.0"}})) << meta.log();
  EXPECT_TRUE(eventually([&] { return is_calm("demo-agent"); })) << host.log();
}

}  // namespace
}  // namespace ops::tests
