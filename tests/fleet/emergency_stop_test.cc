// An emergency stop: one command of the operator stops an agent on all hosts of a simulated fleet.

#include <gtest/gtest.h>

#include <thread>

#include "tests/fleet/fleet.h"
#include "tests/support/boxes.h"
#include "tests/support/measure.h"
#include "tests/support/text.h"
#include "tests/support/wait.h"

namespace ops::tests {
namespace {

using namespace ops::fleet;

constexpr uint32_t kHosts = 1000;
constexpr double kInterval = 10;  // seconds
constexpr double kJitter = 1.1;   // of the interval, at most
constexpr double kSlack = 5;      // seconds for a busy machine: ./control, and the report of each host

TEST(EmergencyStop, ReachesAllHostsWithinOneInterval) {
  MetaBox meta;
  meta.add_control();
  ASSERT_TRUE(meta.start({{"falcon-agent", "5.1.2"}})) << meta.log();
  FleetOptions options;
  options.target = *parse_target(meta.address());
  options.hosts.hosts = kHosts;
  options.hosts.unwell = 0;
  options.hosts.agents = {"falcon-agent"};
  options.interval = kInterval;
  options.spread = 2;
  options.duration = 600;
  std::atomic<bool> stop = false;
  options.stop = &stop;
  std::thread fleet([&] { run_fleet(options); });
  const auto hosts_that_are = [&](const std::string& status) {
    return count_of(meta.status("falcon-agent"), " " + status + " ");
  };
  EXPECT_TRUE(eventually([&] { return hosts_that_are("started") == kHosts; })) << meta.log();

  std::string config = read_file(meta / "cfg.json");
  config.replace(config.find("\"start\""), 7, "\"stop\"");
  write_file(meta / "cfg.json", config);
  const double seconds = seconds_of([&] {
    const Finished stopped = meta.run_control({"reload", "--yes"});
    EXPECT_EQ(stopped.exit_code, 0) << stopped.output;
    EXPECT_NE(stopped.output.find("falcon-agent stops on 1,000 hosts"), std::string::npos) << stopped.output;
    EXPECT_TRUE(eventually([&] { return hosts_that_are("stoped") == kHosts; })) << meta.status("falcon-agent");
  });
  std::cout << "all " << kHosts << " hosts are stopped after " << seconds << " s at an interval of " << kInterval << " s\n";
  EXPECT_LE(seconds, kInterval * kJitter + kSlack);
  stop = true;
  fleet.join();
}

}  // namespace
}  // namespace ops::tests
