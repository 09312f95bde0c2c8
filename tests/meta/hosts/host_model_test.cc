// The host table against a std::map: after any sequence of heartbeats both must hold the same.

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <thread>

#include "meta/hosts/host_table.h"

namespace ops::tests {
namespace {

using meta::Host;
using meta::HostTable;
using meta::HostView;
using meta::ReleaseCounts;
using meta::Summary;
using std::chrono::seconds;

using Model = std::map<std::string, Host>;

const HostTable::TimePoint kNow = std::chrono::system_clock::from_time_t(1'447'000'000);

/// Makes random heartbeats with many equal values.
class RandomHeartbeats {
 public:
  HeartbeatRequest heartbeat(size_t hosts) {
    HeartbeatRequest request{"h" + std::to_string(pick(hosts)), {}, {}, one_of({"", "1.0.0", "1.1.0"}), "linux_amd64"};
    for (const char* name : {"a", "b", "c"}) {
      if (pick(4) > 0) request.real_agents.push_back({name, version(), status(), static_cast<int64_t>(random_())});
      if (pick(8) == 0) request.updates.push_back({name, version(), phase(), 1, 2, 3, 4, std::string(pick(100), 'e')});
    }
    return request;
  }

  size_t pick(size_t below) { return random_() % below; }

 private:
  std::string one_of(const std::vector<std::string>& texts) { return texts[pick(texts.size())]; }
  std::string version() { return pick(10) == 0 ? std::to_string(random_()) : one_of({"1", "2", "3"}); }
  std::string status() { return pick(10) == 0 ? std::to_string(random_()) : one_of({"started", "stoped", "stopped", ""}); }
  std::string phase() { return one_of({"waiting", "failed", "held", "dancing", "other", "started"}); }

  std::mt19937 random_{7};
};

void record(Model& model, const HeartbeatRequest& heartbeat, HostTable::TimePoint now) {
  model[heartbeat.hostname] = {heartbeat.real_agents, heartbeat.updates, heartbeat.updater_version, heartbeat.platform, now};
}

Summary summary(const Model& model) {
  Summary summary;
  for (const auto& [name, host] : model) {
    for (const RealAgent& agent : host.agents) {
      ReleaseCounts& counts = summary[agent.name][agent.version];
      ++counts.hosts;
      if (agent.status == "started") ++counts.started;
      if (agent.status == "stoped" || agent.status == "stopped") ++counts.stopped;
    }
    for (const AgentUpdate& update : host.updates) {
      ReleaseCounts& counts = summary[update.name][update.version];
      ++counts.in(to_phase(update.phase));
      const auto has_it = [&](const RealAgent& agent) {
        return agent.name == update.name && agent.version == update.version && agent.status == "started";
      };
      if (update.phase == "held" && std::any_of(host.agents.begin(), host.agents.end(), has_it)) ++counts.held;
    }
  }
  return summary;
}

Model listing(const HostTable& hosts, size_t at_a_time) {
  Model all;
  std::string last;
  const auto add = [&](const HostView& host) {
    EXPECT_LT(last, host.name());
    last = host.name();
    host.copy_to(all[last]);
    return true;
  };
  for (std::string from; hosts.visit(from, at_a_time, add);) {
  }
  return all;
}

void expect_same(const HostTable& hosts, const Model& model, size_t at_a_time) {
  EXPECT_EQ(hosts.size(), model.size());
  EXPECT_EQ(listing(hosts, at_a_time), model);
  EXPECT_EQ(hosts.summary(), summary(model));
}

TEST(HostModel, MatchesAMap) {
  RandomHeartbeats random;
  HostTable hosts;
  Model model;
  for (int i = 0; i < 20'000; ++i) {
    const auto now = kNow + seconds(i * 60);
    if (i % 1000 == 999) {
      std::erase_if(model, [&](const auto& entry) { return now - entry.second.heard_at > meta::kForgetAfter; });
      hosts.remove_silent(now);
      expect_same(hosts, model, 1 + random.pick(700));
    }
    const HeartbeatRequest heartbeat = random.heartbeat(3000);
    ASSERT_TRUE(hosts.record(heartbeat, now));
    record(model, heartbeat, now);
    ASSERT_EQ(hosts.find(heartbeat.hostname), model[heartbeat.hostname]);
  }
}

TEST(HostModel, FreesEverythingWhenAllHostsAreRemoved) {
  RandomHeartbeats random;
  HostTable hosts;
  for (int round = 0; round < 2; ++round) {
    for (int i = 0; i < 5000; ++i) ASSERT_TRUE(hosts.record(random.heartbeat(2000), kNow));
    EXPECT_GT(hosts.bytes(), hosts.size() * 20);
    if (round == 0) hosts.clear();
    if (round == 1) hosts.remove_silent(kNow + meta::kForgetAfter + seconds(1));
    EXPECT_EQ(hosts.size(), 0u);
    EXPECT_EQ(hosts.bytes(), 0u);
    EXPECT_EQ(hosts.summary(), Summary{});
  }
}

TEST(HostModel, ListsEveryStayingHostWhileOtherHostsChange) {
  HostTable hosts;
  const auto name = [](int i) { return "h" + std::to_string(10'000 + i); };
  for (int i = 0; i < 2000; i += 2) ASSERT_TRUE(hosts.record({name(i), {}, {}, "", ""}, kNow));
  std::atomic<bool> stop = false;
  std::thread others([&] {
    for (int i = 0; !stop; ++i) {
      const int odd = i % 1000 * 2 + 1;
      EXPECT_TRUE(hosts.record({name(odd), {{"a", std::to_string(i % 7), "started", i}}, {}, "", ""}, kNow - seconds(1)));
      if (i % 200 == 0) hosts.remove_silent(kNow + meta::kForgetAfter);
    }
  });
  for (int round = 0; round < 50; ++round) {
    size_t even = 0;
    for (const auto& [hostname, host] : listing(hosts, 10)) even += host.agents.empty() ? 1 : 0;
    EXPECT_EQ(even, 1000u);
    hosts.summary();
  }
  stop = true;
  others.join();
}

}  // namespace
}  // namespace ops::tests
