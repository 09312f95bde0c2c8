// A small fleet and a real ops-meta. The tests pass on a machine of any speed, unless a heartbeat takes 20 s there.

#include "tests/fleet/fleet.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <thread>

#include "tests/fleet/background.h"
#include "tests/fleet/download.h"
#include "tests/fleet/slow_clients.h"
#include "tests/support/boxes.h"
#include "tests/support/measure.h"
#include "tests/support/promtool.h"
#include "tests/support/text.h"
#include "tests/support/wait.h"

namespace ops::tests {
namespace {

using namespace ops::fleet;

constexpr long kMostBytesPerHost = 400;  // in ops-meta's memory

const std::vector<TestAgent> kAssigned{{"falcon-agent", "5.1.2"}, {"naming-agent", "1.4.0"}, {"deploy-agent", "2.0.7"}};

FleetOptions fleet_of(uint32_t hosts, const MetaBox& meta) {
  FleetOptions options;
  options.target = *parse_target(meta.address());
  options.hosts.hosts = hosts;
  options.hosts.unwell = 0;
  options.server_pid = meta.daemon_pid();
  return options;
}

TEST(Fleet, OfTwentyThousandHostsBootsAtOnceWithoutErrors) {
  MetaBox meta;
  ASSERT_TRUE(meta.start(kAssigned)) << meta.log();
  constexpr uint32_t kHosts = kSanitized ? 2'000 : 20'000;
  FleetOptions options = fleet_of(kHosts, meta);
  options.interval = 30;
  options.spread = 8;
  options.duration = 4 * options.interval;
  options.until_all_in = true;
  const Report report = run_fleet(options);
  SCOPED_TRACE(to_text(report));
  EXPECT_EQ(report.hosts_in, kHosts);
  EXPECT_TRUE(report.errors.empty());
  EXPECT_EQ(report.all_updates().begun, 0u) << "a reply assigned another version than the config";
  if (!kSanitized) {
    EXPECT_LT(report.bytes_per_host(), kMostBytesPerHost);
  }
  const std::string status = meta.status("falcon-agent");
  EXPECT_EQ(count_of(status, " 5.1.2 started "), kHosts);
  EXPECT_EQ(std::count(status.begin(), status.end(), '\n'), long{kHosts});
  const std::string metrics = meta.get("/metrics").body;
  EXPECT_EQ(check_metrics(metrics), "");
  EXPECT_EQ(sample(metrics, R"(ops_meta_agent_hosts{agent="falcon-agent",version="5.1.2",state="started"})"), kHosts);
  EXPECT_LT(metrics.size(), 1'000'000u);
  std::cout << to_text(report);
}

TEST(Fleet, GetsAnUpgradeOnEveryHost) {
  MetaBox meta;
  ASSERT_TRUE(meta.start(kAssigned)) << meta.log();
  ASSERT_TRUE(meta.assign({{"falcon-agent", "5.2.0"}, {"naming-agent", "1.4.0"}, {"deploy-agent", "2.0.7"}}));
  FleetOptions options = fleet_of(200, meta);
  options.interval = 1;
  options.duration = 100;
  options.hosts.update_time = 0.2;
  options.hosts.probation = 0.2;
  options.hosts.go = 10;
  std::atomic<bool> stop = false;
  options.stop = &stop;
  Report report;
  std::thread fleet([&] { report = run_fleet(options); });
  EXPECT_TRUE(
      eventually([&] { return count_of(meta.status("falcon-agent"), " 5.2.0 started ") == 200; }, std::chrono::seconds(90)))
      << meta.status("falcon-agent");
  stop = true;
  fleet.join();
  EXPECT_TRUE(report.errors.empty()) << to_text(report);
  EXPECT_EQ(report.all_updates().begun, 200u);
}

TEST(Fleet, SendsHeartbeatsOnKeptConnections) {
  MetaBox meta;
  ASSERT_TRUE(meta.start(kAssigned)) << meta.log();
  FleetOptions options = fleet_of(2000, meta);
  options.pacing = Pacing::flat_out;
  options.keep = true;
  options.connections = 16;
  options.until_all_in = true;
  const Report report = run_fleet(options);
  EXPECT_EQ(report.hosts_in, 2000u);
  EXPECT_TRUE(report.errors.empty()) << to_text(report);
  EXPECT_EQ(report.most_open, 16u);
}

// The rate equals that of 100,000 hosts within a minute: about 1,700 heartbeats per second.
TEST(Fleet, RecoversFromAnOutageWithoutFurtherErrors) {
  MetaBox meta;
  ASSERT_TRUE(meta.start(kAssigned)) << meta.log();
  const uint32_t hosts = kSanitized ? 4000 : 20'000;
  FleetOptions options = fleet_of(hosts, meta);
  options.pacing = Pacing::flat_out;
  options.until_all_in = true;
  ASSERT_EQ(run_fleet(options).hosts_in, hosts);

  meta.process().stop();
  options.pacing = Pacing::interval;
  options.interval = 10;
  options.duration = 100;
  std::atomic<uint64_t> refused = 0;
  options.watch = [&](const Report& so_far) { refused = so_far.error_count(); };
  Report report;
  std::thread fleet([&] { report = run_fleet(options); });
  EXPECT_TRUE(eventually([&] { return refused >= hosts; }, std::chrono::seconds(60)));
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_TRUE(meta.start(kAssigned)) << meta.log();
  fleet.join();
  const double back_after = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  SCOPED_TRACE(to_text(report));
  EXPECT_EQ(report.hosts_in, hosts);
  std::cout << "all hosts are back " << back_after << " s after the start of ops-meta\n";
  EXPECT_EQ(report.errors.size(), 1u);
  EXPECT_EQ(report.errors.count("connection refused"), 1u) << "there are other errors than those of the outage";
}

class SlowClients : public testing::TestWithParam<SlowMode> {};

TEST_P(SlowClients, DoNotStopHeartbeats) {
  constexpr size_t kClients = 300;
  MetaBox meta;
  write_file(meta / "tarball/big", std::string(8 << 20, 'x'));
  ASSERT_TRUE(meta.start(kAssigned)) << meta.log();
  SlowClientOptions slow;
  slow.target = *parse_target(meta.address());
  slow.mode = GetParam();
  slow.clients = kClients;
  slow.path = "/big";
  slow.duration = 1000;
  std::atomic<size_t> open = 0;
  slow.open = &open;
  const Background<SlowClientOptions, SlowClientReport> slow_clients(slow, run_slow_clients);
  ASSERT_TRUE(eventually([&] { return open > kClients / 2; }));

  FleetOptions options = fleet_of(500, meta);
  options.pacing = Pacing::rate;
  options.rate = 100;
  options.duration = 5;
  const Report report = run_fleet(options);
  EXPECT_TRUE(report.errors.empty()) << to_text(report);
  EXPECT_EQ(report.unasked, 0u);
  EXPECT_GE(report.heartbeats + report.busy, 490u);
  std::cout << "p99 " << milliseconds(report.latency.percentile(0.99)) << "\n";
}

INSTANTIATE_TEST_SUITE_P(All, SlowClients, testing::ValuesIn(kAllSlowModes),
                         [](const auto& test) { return std::string(to_string(test.param)); });

TEST(Downloads, AreComplete) {
  MetaBox meta;
  write_file(meta / "tarball/big", std::string(8 << 20, 'x'));
  ASSERT_TRUE(meta.start(kAssigned)) << meta.log();
  DownloadOptions options;
  options.target = *parse_target(meta.address());
  options.path = "/big";
  options.clients = 4;
  options.count = 20;
  options.duration = 120;
  const DownloadReport report = run_downloads(options);
  EXPECT_TRUE(report.errors.empty()) << to_text(report);
  EXPECT_GE(report.downloads, 20u);
  EXPECT_GE(report.bytes, report.downloads << 23);
}

}  // namespace
}  // namespace ops::tests
