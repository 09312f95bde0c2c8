#include "meta/hosts/host_table.h"

#include <gtest/gtest.h>

#include <thread>

namespace ops::tests {
namespace {

using meta::HostTable;
using meta::HostView;
using meta::kForgetAfter;
using std::chrono::seconds;
using Names = std::vector<std::string>;

const HostTable::TimePoint kNow = std::chrono::system_clock::from_time_t(1'447'000'000);

HeartbeatRequest heartbeat(const std::string& hostname, std::vector<RealAgent> agents = {}) {
  return {hostname, std::move(agents), {}, "1.0.0", "linux_amd64"};
}

AgentUpdate update(const std::string& name, const std::string& version) { return {name, version, "failed", 0, 0, 1, 7, "why"}; }

void record(HostTable& hosts, const HeartbeatRequest& request, HostTable::TimePoint now) {
  const auto recorded = hosts.record(request, now);
  EXPECT_TRUE(recorded) << recorded.error().message;
}

Names names(const HostTable& hosts, size_t at_a_time = 100) {
  Names all;
  const auto add = [&](const HostView& host) {
    all.emplace_back(host.name());
    return true;
  };
  for (std::string from; hosts.visit(from, at_a_time, add);) {
  }
  return all;
}

TEST(HostTable, KeepsTheLastHeartbeatOfAHost) {
  HostTable hosts;
  record(hosts, {"h1", {{"a", "1", "started", 7}, {"b", "1", "stoped", 7}}, {update("c", "2")}, "0.9", "linux_arm64"}, kNow);
  record(hosts, {"h1", {{"a", "2", "started", 8}}, {update("d", "3")}, "1.0.0", "linux_amd64"}, kNow + seconds(300));
  const auto host = hosts.find("h1");
  ASSERT_TRUE(host);
  EXPECT_EQ(hosts.size(), 1u);
  ASSERT_NE(host->agent("a"), nullptr);
  EXPECT_EQ(*host->agent("a"), (RealAgent{"a", "2", "started", 8}));
  EXPECT_EQ(host->agent("b"), nullptr) << "an agent that is no longer reported is removed";
  EXPECT_EQ(host->update("c"), nullptr);
  ASSERT_NE(host->update("d"), nullptr);
  EXPECT_EQ(host->update("d")->version, "3");
  EXPECT_EQ(host->updater_version, "1.0.0");
  EXPECT_EQ(host->platform, "linux_amd64");
  EXPECT_EQ(host->heard_at, kNow + seconds(300));
}

TEST(HostTable, KeepsHostsWithoutAgents) {
  HostTable hosts;
  record(hosts, heartbeat("h1"), kNow);
  EXPECT_TRUE(hosts.find("h1"));
  EXPECT_FALSE(hosts.find("h2"));
  EXPECT_EQ(hosts.find("h1")->agent("a"), nullptr);
}

TEST(HostTable, IsSortedByteByByte) {
  HostTable hosts;
  for (const std::string name : {"h10", "h2", "H1", "ä", "h1"}) record(hosts, heartbeat(name), kNow);
  EXPECT_EQ(names(hosts), (Names{"H1", "h1", "h10", "h2", "ä"}));
}

TEST(HostTable, RemovesAHostAfterThreeDaysOfSilence) {
  HostTable hosts;
  record(hosts, heartbeat("silent"), kNow);
  record(hosts, heartbeat("alive"), kNow + seconds(1));
  EXPECT_EQ(hosts.remove_silent(kNow + kForgetAfter), 0u) << "exactly three days is not too old";
  EXPECT_EQ(hosts.size(), 2u);
  EXPECT_EQ(hosts.remove_silent(kNow + kForgetAfter + seconds(1)), 1u);
  EXPECT_EQ(names(hosts), Names{"alive"});
}

TEST(HostTable, MeasuresSilenceByTheClockOfOpsMeta) {
  HostTable hosts;
  record(hosts, heartbeat("from-1970", {{"a", "1", "started", 0}}), kNow);
  record(hosts, heartbeat("from-the-future", {{"a", "1", "started", 9'999'999'999}}), kNow);
  EXPECT_EQ(hosts.remove_silent(kNow + seconds(300)), 0u);
  EXPECT_EQ(hosts.remove_silent(kNow + kForgetAfter + seconds(1)), 2u);
}

TEST(HostTable, TreatsAReturningHostAsNew) {
  HostTable hosts;
  record(hosts, heartbeat("h1", {{"a", "1", "started", 7}}), kNow);
  hosts.remove_silent(kNow + kForgetAfter + seconds(1));
  EXPECT_FALSE(hosts.find("h1"));
  record(hosts, heartbeat("h1"), kNow + kForgetAfter + seconds(2));
  EXPECT_EQ(hosts.find("h1")->agent("a"), nullptr);
}

TEST(HostTable, CountsTheFirstEntryOfAnAgentNamedTwice) {
  HostTable hosts;
  record(hosts, {"h1", {{"a", "1", "started", 7}, {"b", "1", "", 7}, {"a", "2", "stoped", 8}}, {}, "", ""}, kNow);
  EXPECT_EQ(hosts.find("h1")->agents, (std::vector<RealAgent>{{"a", "1", "started", 7}, {"b", "1", "", 7}}));
  EXPECT_EQ(hosts.summary()["a"].size(), 1u);
}

TEST(HostTable, RefusesNewHostsWhenItIsFull) {
  HostTable hosts(2);
  record(hosts, heartbeat("h1"), kNow);
  record(hosts, heartbeat("h2"), kNow);
  const auto refused = hosts.record(heartbeat("h3"), kNow);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message, "the host table is full: 2 hosts");
  EXPECT_EQ(names(hosts), (Names{"h1", "h2"}));
  record(hosts, heartbeat("h1", {{"a", "1", "started", 7}}), kNow + seconds(1));
  EXPECT_EQ(hosts.remove_silent(kNow + kForgetAfter + seconds(1)), 1u);
  record(hosts, heartbeat("h3"), kNow);
  hosts.set_max_hosts(1);
  EXPECT_EQ(hosts.size(), 2u) << "a lower limit removes no host";
  EXPECT_FALSE(hosts.record(heartbeat("h4"), kNow));
  hosts.set_max_hosts(3);
  record(hosts, heartbeat("h4"), kNow);
}

HeartbeatRequest with_updates(const std::string& hostname, int count, size_t error_bytes) {
  HeartbeatRequest failing = heartbeat(hostname);
  for (int i = 0; i < count; ++i) {
    failing.updates.push_back({"a" + std::to_string(i), "1", "failed", 0, 0, 1, 7, std::string(error_bytes, 'e')});
  }
  return failing;
}

TEST(HostTable, CutsTheErrorsOfAHostThatTakeTooMuchMemory) {
  HostTable hosts(10'000);
  record(hosts, with_updates("few", 3, 512), kNow);
  EXPECT_EQ(hosts.find("few")->update("a2")->error, std::string(512, 'e'));
  const size_t before = hosts.bytes();
  record(hosts, with_updates("many", 50, 512), kNow);
  EXPECT_LE(hosts.bytes() - before, meta::kMostBytesPerHost);
  const std::string error = hosts.find("many")->update("a49")->error;
  EXPECT_TRUE(error.starts_with("eeeeeeeeeeeeeeee") && error.ends_with("…")) << error;
  record(hosts, with_updates("most", 200, 512), kNow);
  EXPECT_EQ(hosts.find("most")->updates.size(), 200u);
  EXPECT_LE(hosts.bytes() - before, 3 * meta::kMostBytesPerHost);
}

TEST(HostTable, RefusesNewHostsBeyondTheMemoryLimitAndNoKnownOne) {
  HostTable hosts(20);  // 20 KB
  std::vector<RealAgent> many;
  for (int i = 0; i < 256; ++i) many.push_back({"a" + std::to_string(i), "1", "started", 7});
  record(hosts, heartbeat("known"), kNow);
  for (int i = 0; i < 4; ++i) record(hosts, heartbeat("h" + std::to_string(i), many), kNow);
  EXPECT_FALSE(hosts.record(heartbeat("h4", many), kNow)) << "4 KB each";
  HeartbeatRequest failing = with_updates("known", 100, 512);
  failing.real_agents = many;
  record(hosts, failing, kNow + seconds(1));
  const auto known = hosts.find("known");
  EXPECT_EQ(known->heard_at, kNow + seconds(1));
  EXPECT_EQ(known->agents.size(), 256u);
  EXPECT_EQ(known->updates.size(), meta::kUpdatesOfFullTable);
  EXPECT_EQ(known->updates.front().error, "");
  record(hosts, heartbeat("h0", {{"a0", "1", "started", 7}}), kNow);
  record(hosts, heartbeat("known"), kNow);
  record(hosts, with_updates("known", 5, 100), kNow);
  EXPECT_EQ(hosts.find("known")->update("a4")->error, std::string(100, 'e')) << "there is room again";
  EXPECT_LT(hosts.bytes(), 20u * 1024);
}

TEST(HostTable, LimitsTheNumberOfVersions) {
  HostTable hosts;
  const size_t some = 100;
  const auto version = [](size_t i) { return "1.0." + std::to_string(i); };
  for (size_t i = 0; i < meta::kMaxReleases + some; ++i) {
    record(hosts, heartbeat("h" + std::to_string(i), {{"a", version(i), "started", 7}}), kNow);
  }
  auto summary = hosts.summary();
  EXPECT_EQ(summary["a"].size(), meta::kMaxReleases + 1);
  EXPECT_EQ(summary["a"]["(too-many-versions)"].hosts, some);
  EXPECT_EQ(summary["a"]["(too-many-versions)"].started, some);
  const std::string last = "h" + std::to_string(meta::kMaxReleases + some - 1);
  EXPECT_EQ(hosts.find(last)->agent("a")->version, "(too-many-versions)");
  for (size_t i = 0; i < some; ++i) record(hosts, heartbeat("h" + std::to_string(i)), kNow);
  record(hosts, heartbeat(last, {{"a", "2", "started", 7}}), kNow);
  EXPECT_EQ(hosts.find(last)->agent("a")->version, "2") << "there is room again";
}

TEST(HostTable, LimitsTheNumberOfAgentNamesStatusesAndUpdaters) {
  HostTable hosts;
  for (size_t i = 0; i < 20'000; ++i) {
    const std::string number = std::to_string(i);
    record(hosts, {"h" + number, {{"agent-" + number, "1", "status " + number, 7}}, {}, number, "linux"}, kNow);
  }
  EXPECT_EQ(hosts.summary().size(), meta::kMaxAgentNames + 1);
  EXPECT_EQ(hosts.summary()["(too-many-agents)"]["(too-many-versions)"].hosts, 20'000u - meta::kMaxAgentNames);
  const auto last = hosts.find("h19999");
  EXPECT_EQ(last->agents, (std::vector<RealAgent>{{"(too-many-agents)", "(too-many-versions)", "(too-many-statuses)", 7}}));
  EXPECT_EQ(last->updater_version, "(too-many-updaters)");
  EXPECT_EQ(hosts.find("h4000")->agents, (std::vector<RealAgent>{{"agent-4000", "1", "status 4000", 7}}));
  EXPECT_EQ(hosts.find("h4000")->updater_version, "4000");
}

TEST(HostTable, TakesAtMost100BytesPerHost) {
  HostTable hosts;
  for (int i = 0; i < 1000; ++i) {
    record(hosts,
           heartbeat("lg-web-" + std::to_string(100'000'000 + i) + ".idc",
                     {{"falcon-agent", "3.1.2", "started", 7}, {"naming-agent", "1", "started", 7}, {"x", "1", "stoped", 7}}),
           kNow);
  }
  EXPECT_LE(hosts.bytes(), 1000u * 100);
}

TEST(HostTable, KeepsTheHeartbeatsOfManyThreads) {
  HostTable hosts;
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&hosts, thread] {
      for (int i = 0; i < 1000; ++i) {
        record(hosts, heartbeat("h" + std::to_string(thread) + "-" + std::to_string(i), {{"a", "1", "started", i}}), kNow);
        if (i % 100 == 0) names(hosts);
        (void)hosts.find("h0-1");
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(hosts.size(), 4000u);
}

// A pid in the text makes the text of each host different, and the table stores kMaxStatuses different texts.
TEST(HostTable, CountsStatusesByTheirMeaning) {
  HostTable hosts(40'000);
  constexpr uint32_t kMany = 2 * meta::kMaxStatuses;
  for (uint32_t i = 0; i < kMany; ++i) {
    const std::string host = "h" + std::to_string(i);
    record(hosts, heartbeat(host, {{"a", "1", "a started, pid=" + std::to_string(i), 7}, {"b", "1", "not started", 7}}), kNow);
  }
  const meta::Summary summary = hosts.summary();
  EXPECT_EQ(summary.at("a").at("1").started, kMany);
  EXPECT_EQ(summary.at("b").at("1").stopped, kMany);
  EXPECT_EQ(hosts.find("h7")->agent("a")->status, "started");
}

}  // namespace
}  // namespace ops::tests
