// A fleet against a real ops-meta, small enough for every day. Nothing here depends on how fast the machine is, unless it is so
// slow that heartbeats take 20 s.

#include "tests/fleet/fleet.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <thread>

#include "tests/fleet/download.h"
#include "tests/fleet/stall.h"
#include "tests/support/boxes.h"
#include "tests/support/measure.h"
#include "tests/support/promtool.h"
#include "tests/support/wait.h"

namespace ops::tests {
namespace {

using namespace ops::fleet;

constexpr long kMostBytesPerHost = 400;  // of ops-meta's memory

const std::vector<TestAgent> kDesired{{"falcon-agent", "5.1.2"}, {"naming-agent", "1.4.0"}, {"deploy-agent", "2.0.7"}};

FleetOptions fleet_of(uint32_t hosts, const MetaBox& meta) {
  FleetOptions options;
  options.target = *parse_target(meta.address());
  options.hosts.hosts = hosts;
  options.hosts.unwell = 0;
  options.server_pid = meta.daemon_pid();
  return options;
}

/// Runs something beside the test until its end.
template <typename Options>
class Beside {
 public:
  Beside(Options options, void (*run)(const Options&)) {
    options.stop = &stop_;
    thread_ = std::thread([options = std::move(options), run] { run(options); });
  }
  ~Beside() {
    stop_ = true;
    thread_.join();
  }
  Beside(const Beside&) = delete;
  Beside& operator=(const Beside&) = delete;

 private:
  std::atomic<bool> stop_ = false;
  std::thread thread_;
};

long lines_with(const std::string& text, const std::string& part) {
  long count = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

TEST(Fleet, TwentyThousandHostsBootAtOnce) {
  MetaBox meta;
  ASSERT_TRUE(meta.start(kDesired)) << meta.log();
  constexpr uint32_t kHosts = kSanitized ? 2'000 : 20'000;
  FleetOptions options = fleet_of(kHosts, meta);
  options.interval = 30;
  options.spread = 8;
  options.duration = 2 * options.interval;
  options.until_all_in = true;
  const Report report = run_fleet(options);
  SCOPED_TRACE(to_text(report));
  EXPECT_EQ(report.hosts_in, kHosts);
  EXPECT_TRUE(report.errors.empty());
  EXPECT_EQ(report.all_updates().begun, 0u) << "a reply named another version than the config";
  if (!kSanitized) {
    EXPECT_LT(report.bytes_per_host(), kMostBytesPerHost);
  }
  const std::string status = meta.status("falcon-agent");
  EXPECT_EQ(lines_with(status, " 5.1.2 started "), long{kHosts});
  EXPECT_EQ(std::count(status.begin(), status.end(), '\n'), long{kHosts});
  std::string metrics;
  const double seconds = seconds_of([&] { metrics = meta.get("/metrics").body; });
  EXPECT_EQ(check_metrics(metrics), "");
  EXPECT_EQ(sample(metrics, R"(ops_meta_agent_hosts{agent="falcon-agent",version="5.1.2",state="started"})"), kHosts);
  EXPECT_LT(metrics.size(), 1'000'000u);
  if (!kSanitized) {
    EXPECT_LT(seconds, 0.2);
  }
  std::cout << to_text(report);
}

TEST(Fleet, FollowsAnUpgradeToTheLastHost) {
  MetaBox meta;
  ASSERT_TRUE(meta.start(kDesired)) << meta.log();
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
      eventually([&] { return lines_with(meta.status("falcon-agent"), " 5.2.0 started ") == 200; }, std::chrono::seconds(90)))
      << meta.status("falcon-agent");
  stop = true;
  fleet.join();
  EXPECT_TRUE(report.errors.empty()) << to_text(report);
  EXPECT_EQ(report.all_updates().begun, 200u);
}

TEST(Fleet, KeptConnectionsCarryHeartbeats) {
  MetaBox meta;
  ASSERT_TRUE(meta.start(kDesired)) << meta.log();
  FleetOptions options = fleet_of(2000, meta);
  options.pace = RateEstimator::flat_out;
  options.keep = true;
  options.connections = 16;
  options.until_all_in = true;
  const Report report = run_fleet(options);
  EXPECT_EQ(report.hosts_in, 2000u);
  EXPECT_TRUE(report.errors.empty()) << to_text(report);
  EXPECT_EQ(report.most_open, 16u);
}

// A tenth of a million within a minute is 1,700 heartbeats a second; so are these.
TEST(Fleet, ComesBackFromAnOutageWithoutAnError) {
  MetaBox meta;
  ASSERT_TRUE(meta.start(kDesired)) << meta.log();
  const uint32_t hosts = kSanitized ? 4000 : 20'000;
  FleetOptions options = fleet_of(hosts, meta);
  options.pace = RateEstimator::flat_out;
  options.until_all_in = true;
  ASSERT_EQ(run_fleet(options).hosts_in, hosts);

  meta.process().stop();
  options.pace = RateEstimator::interval;
  options.interval = 10;
  options.duration = 100;
  std::atomic<uint64_t> refused = 0;
  options.watch = [&](const Report& so_far) { refused = so_far.error_count(); };
  Report report;
  std::thread fleet([&] { report = run_fleet(options); });
  EXPECT_TRUE(eventually([&] { return refused >= hosts; }, std::chrono::seconds(60)));
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_TRUE(meta.start(kDesired)) << meta.log();
  fleet.join();
  const double back_after = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  SCOPED_TRACE(to_text(report));
  EXPECT_EQ(report.hosts_in, hosts);
  EXPECT_LT(back_after, 2 * options.interval * (kSanitized ? 2 : 1));
  EXPECT_EQ(report.errors.size(), 1u);
  EXPECT_EQ(report.errors.count("connection refused"), 1u) << "nothing else goes wrong, once it is there again";
}

class Stalled : public testing::TestWithParam<Stall> {};

TEST_P(Stalled, ClientsDoNotStopHeartbeats) {
  constexpr size_t kClients = 300;
  MetaBox meta;
  write_file(meta / "tarball/big", std::string(8 << 20, 'x'));
  ASSERT_TRUE(meta.start(kDesired)) << meta.log();
  StallOptions stall;
  stall.target = *parse_target(meta.address());
  stall.mode = GetParam();
  stall.clients = kClients;
  stall.path = "/big";
  stall.duration = 1000;
  std::atomic<size_t> standing = 0;
  stall.standing = &standing;
  const Beside<StallOptions> stallers(stall, [](const StallOptions& options) { run_stall(options); });
  ASSERT_TRUE(eventually([&] { return standing > kClients / 2; }));

  FleetOptions options = fleet_of(500, meta);
  options.pace = RateEstimator::rate;
  options.rate = 100;
  options.duration = 5;
  const Report report = run_fleet(options);
  EXPECT_TRUE(report.errors.empty()) << to_text(report);
  EXPECT_EQ(report.unasked, 0u);
  EXPECT_GE(report.heartbeats + report.busy, 490u);
  std::cout << "p99 " << milliseconds(report.latency.percentile(0.99)) << "\n";
}

INSTANTIATE_TEST_SUITE_P(All, Stalled, testing::ValuesIn(kAllStalls),
                         [](const auto& test) { return std::string(to_string(test.param)); });

TEST(Fleet, DownloadsAreWhole) {
  MetaBox meta;
  write_file(meta / "tarball/big", std::string(8 << 20, 'x'));
  ASSERT_TRUE(meta.start(kDesired)) << meta.log();
  DownloadOptions options;
  options.target = *parse_target(meta.address());
  options.path = "/big";
  options.clients = 4;
  options.count = 20;
  options.duration = 60;
  const DownloadReport report = run_downloads(options);
  EXPECT_TRUE(report.errors.empty()) << to_text(report);
  EXPECT_GE(report.downloads, 20u);
  EXPECT_GE(report.bytes, report.downloads << 23);
}

}  // namespace
}  // namespace ops::tests
