#include "meta/host_table.h"

#include <gtest/gtest.h>

#include <thread>

namespace ops::tests {
namespace {

using meta::Host;
using meta::HostTable;
using meta::kForgetAfter;
using std::chrono::seconds;
using Names = std::vector<std::string>;

const HostTable::TimePoint kNow = std::chrono::system_clock::from_time_t(1'447'000'000);

HeartbeatRequest heartbeat(const std::string& hostname, std::vector<RealAgent> agents = {}) {
  return {hostname, std::move(agents), {}, "1.0.0", "linux_amd64"};
}

AgentUpdate update(const std::string& name, const std::string& version) { return {name, version, "failed", 0, 0, 1, 7, "why"}; }

Names names(const HostTable& hosts) {
  Names all;
  hosts.for_each([&](const std::string& hostname, const Host&) { all.push_back(hostname); });
  return all;
}

TEST(HostTable, KnowsWhatAHostLastSaid) {
  HostTable hosts;
  hosts.record({"h1", {{"a", "1", "started", 7}, {"b", "1", "stoped", 7}}, {update("c", "2")}, "0.9", "linux_arm64"}, kNow);
  hosts.record({"h1", {{"a", "2", "started", 8}}, {update("d", "3")}, "1.0.0", "linux_amd64"}, kNow + seconds(300));
  const auto host = hosts.find("h1");
  ASSERT_TRUE(host);
  EXPECT_EQ(hosts.size(), 1u);
  ASSERT_NE(host->agent("a"), nullptr);
  EXPECT_EQ(*host->agent("a"), (RealAgent{"a", "2", "started", 8}));
  EXPECT_EQ(host->agent("b"), nullptr) << "an agent that is no longer reported goes";
  EXPECT_EQ(host->update("c"), nullptr);
  ASSERT_NE(host->update("d"), nullptr);
  EXPECT_EQ(host->update("d")->version, "3");
  EXPECT_EQ(host->updater_version, "1.0.0");
  EXPECT_EQ(host->platform, "linux_amd64");
  EXPECT_EQ(host->heard_at, kNow + seconds(300));
}

TEST(HostTable, HasHostsWithoutAgentsToo) {
  HostTable hosts;
  hosts.record(heartbeat("h1"), kNow);
  EXPECT_TRUE(hosts.find("h1"));
  EXPECT_FALSE(hosts.find("h2"));
  EXPECT_EQ(hosts.find("h1")->agent("a"), nullptr);
}

TEST(HostTable, IsSortedByteByByte) {
  HostTable hosts;
  for (const std::string name : {"h10", "h2", "H1", "ä", "h1"}) hosts.record(heartbeat(name), kNow);
  EXPECT_EQ(names(hosts), (Names{"H1", "h1", "h10", "h2", "ä"}));
}

TEST(HostTable, ForgetsAHostAfterThreeDaysOfSilence) {
  HostTable hosts;
  hosts.record(heartbeat("silent"), kNow);
  hosts.record(heartbeat("alive"), kNow + seconds(1));
  EXPECT_EQ(hosts.forget_silent(kNow + kForgetAfter), 0u) << "three days are not yet more than three days";
  EXPECT_EQ(hosts.size(), 2u);
  EXPECT_EQ(hosts.forget_silent(kNow + kForgetAfter + seconds(1)), 1u);
  EXPECT_EQ(names(hosts), Names{"alive"});
}

TEST(HostTable, CountsSilenceByOurClockAndNeverTheHosts) {
  HostTable hosts;
  hosts.record(heartbeat("from-1970", {{"a", "1", "started", 0}}), kNow);
  hosts.record(heartbeat("from-the-future", {{"a", "1", "started", 9'999'999'999}}), kNow);
  EXPECT_EQ(hosts.forget_silent(kNow + seconds(300)), 0u);
  EXPECT_EQ(hosts.forget_silent(kNow + kForgetAfter + seconds(1)), 2u);
}

TEST(HostTable, TakesAHostThatComesBackAsNew) {
  HostTable hosts;
  hosts.record(heartbeat("h1", {{"a", "1", "started", 7}}), kNow);
  hosts.forget_silent(kNow + kForgetAfter + seconds(1));
  EXPECT_FALSE(hosts.find("h1"));
  hosts.record(heartbeat("h1"), kNow + kForgetAfter + seconds(2));
  EXPECT_EQ(hosts.find("h1")->agent("a"), nullptr);
}

TEST(HostTable, KeepsEveryHeartbeatOfManyThreads) {
  HostTable hosts;
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&hosts, thread] {
      for (int i = 0; i < 1000; ++i) {
        hosts.record(heartbeat("h" + std::to_string(thread) + "-" + std::to_string(i), {{"a", "1", "started", i}}), kNow);
        if (i % 100 == 0) names(hosts);
        (void)hosts.find("h0-1");
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(hosts.size(), 4000u);
}

}  // namespace
}  // namespace ops::tests
