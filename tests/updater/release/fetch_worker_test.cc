#include "updater/release/fetch_worker.h"

#include <gtest/gtest.h>

#include <atomic>

#include "tests/support/fake_server.h"
#include "tests/support/tarball.h"
#include "tests/support/temp_dir.h"
#include "tests/support/wait.h"

namespace ops::updater {
namespace {

using tests::eventually;
using tests::FakePeer;
using tests::FakeRequest;
using tests::FakeServer;
using tests::http_reply;

/// A server with one good release for each agent; it does not answer requests for `slow`.
struct FetchWorkerTest : testing::Test {
  FetchWorkerTest() { limits.download.reserve = limits.unpack.reserve = 0; }

  DesiredAgent agent(const std::string& name) const { return {name, "1", server.url("/t"), tests::md5_hex(tarball), "start"}; }
  bool is_staged(const std::string& name) const { return tests::exists(layout.staged(name, "1") + "/.installed"); }

  /// Waits for the next outcome.
  FetchWorker::Outcome next() {
    std::optional<FetchWorker::Outcome> outcome;
    EXPECT_TRUE(eventually([&] { return (outcome = fetch_worker.take_outcome()).has_value(); }));
    return outcome.value_or(FetchWorker::Outcome{});
  }

  const std::string tarball = tests::make_agent_tarball("#!/bin/sh\n");
  tests::TempDir root;
  Layout layout{root.path()};
  InstallLimits limits;
  std::atomic<int> ends = 0;
  FakeServer server{[this](const FakeRequest& request, const FakePeer& peer) {
    if (request.target.find("slow") != std::string::npos) peer.stall();
    peer.send(http_reply(200, tarball));
  }};
  FetchWorker fetch_worker{layout, limits, [this] { ++ends; }};
};

TEST_F(FetchWorkerTest, FetchesOneReleaseAndReportsItOnce) {
  EXPECT_FALSE(fetch_worker.take_outcome());
  fetch_worker.want({agent("a"), agent("b")}, {});
  const auto outcome = next();
  EXPECT_EQ(outcome.agent.name, "a");
  EXPECT_FALSE(outcome.error) << outcome.error->error.message;
  EXPECT_TRUE(is_staged("a"));
  EXPECT_FALSE(tests::exists(layout.agent("b"))) << "the worker fetches one at a time";
  EXPECT_FALSE(fetch_worker.take_outcome());
  EXPECT_TRUE(eventually([&] { return ends == 1; }));
}

TEST_F(FetchWorkerTest, ReportsErrors) {
  DesiredAgent wrong = agent("a");
  wrong.md5 = "0cc175b9c0f1b6a831c399e269772661";
  fetch_worker.want({wrong}, {});
  const auto outcome = next();
  ASSERT_TRUE(outcome.error);
  EXPECT_NE(outcome.error->error.message.find("checksum"), std::string::npos);
}

TEST_F(FetchWorkerTest, AsksPastCachesAfterAWrongChecksum) {
  DesiredAgent wrong = agent("a");
  wrong.md5 = "0cc175b9c0f1b6a831c399e269772661";
  const auto cache_control = [&](const DesiredAgent& wanted) {
    fetch_worker.want({wanted}, {});
    next();
    return server.requests().back().header("Cache-Control");
  };
  EXPECT_EQ(cache_control(wrong), "");
  EXPECT_EQ(cache_control(wrong), "no-cache");
  EXPECT_EQ(cache_control(agent("a")), "no-cache");
  EXPECT_EQ(cache_control(agent("b")), "") << "the last one was right";
}

TEST_F(FetchWorkerTest, GoesOnWithAReleaseThatIsStillWanted) {
  fetch_worker.want({agent("slow")}, {});
  ASSERT_TRUE(eventually([&] { return server.requests().size() == 1; }));
  fetch_worker.want({agent("a"), agent("slow")}, {});
  ASSERT_TRUE(fetch_worker.progress());
  EXPECT_EQ(fetch_worker.progress()->agent, "slow");
  EXPECT_EQ(fetch_worker.progress()->phase, Phase::downloading);
}

TEST_F(FetchWorkerTest, CancelsAReleaseThatIsNoLongerWanted) {
  fetch_worker.want({agent("slow")}, {});
  ASSERT_TRUE(eventually([&] { return server.requests().size() == 1; }));
  fetch_worker.want({agent("a")}, {});
  ASSERT_TRUE(eventually([&] { return ends == 1; }));
  EXPECT_FALSE(fetch_worker.take_outcome()) << "a cancelled fetch has no outcome";
  EXPECT_FALSE(fetch_worker.progress());
  fetch_worker.want({agent("a")}, {});
  EXPECT_EQ(next().agent.name, "a");
}

TEST_F(FetchWorkerTest, AnEmptyListCancelsTheFetch) {
  fetch_worker.want({agent("slow")}, {});
  fetch_worker.want({}, {});
  ASSERT_TRUE(eventually([&] { return ends == 1; }));
  EXPECT_FALSE(fetch_worker.take_outcome());
}

TEST_F(FetchWorkerTest, AnotherMd5CancelsTheFetch) {
  fetch_worker.want({agent("slow")}, {});
  DesiredAgent other = agent("slow");
  other.md5 = "";
  fetch_worker.want({other}, {});
  EXPECT_TRUE(eventually([&] { return ends == 1; }));
}

TEST_F(FetchWorkerTest, ItsDestructorEndsAStalledDownload) {
  const auto begin = std::chrono::steady_clock::now();
  {
    FetchWorker brief(layout, limits, [] {});
    brief.want({agent("slow")}, {});
    ASSERT_TRUE(eventually([&] { return server.requests().size() == 1; }));
  }
  EXPECT_LT(std::chrono::steady_clock::now() - begin, limits.download.stall_time);
}

}  // namespace
}  // namespace ops::updater
