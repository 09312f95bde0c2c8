// A fleet against a real ops-meta that speaks TLS.

#include <gtest/gtest.h>

#include "tests/fleet/fleet.h"
#include "tests/support/boxes.h"
#include "tests/support/certificates.h"

namespace ops::tests {
namespace {

using namespace ops::fleet;

struct FleetOverTls : testing::Test {
  FleetOverTls() {
    meta.set_tls(ca.issue("meta"));
    EXPECT_TRUE(meta.start({{"falcon-agent", "5.1.2"}})) << meta.log();
  }

  /// 200 hosts, once each, a few at a time.
  Report play(Tls tls, bool keep = false) const {
    FleetOptions options;
    options.target = *parse_target(meta.address());
    options.hosts.hosts = 200;
    options.pace = RateEstimator::flat_out;
    options.connections = 4;
    options.keep = keep;
    options.tls = tls;
    options.until_all_in = true;
    const Report report = run_fleet(options);
    EXPECT_EQ(report.hosts_in, 200U) << to_text(report);
    EXPECT_TRUE(report.errors.empty()) << to_text(report);
    return report;
  }

  Authority ca;
  MetaBox meta;
};

TEST_F(FleetOverTls, ResumesSessions) {
  const Report report = play(Tls::resumed);
  EXPECT_GE(report.resumed, report.connections - 4 - 4) << "all but the first of each, and those still open";
}

TEST_F(FleetOverTls, MakesFullHandshakes) { EXPECT_EQ(play(Tls::full).resumed, 0U); }

TEST_F(FleetOverTls, KeepsConnections) { EXPECT_LE(play(Tls::resumed, true).connections, 8U); }

TEST_F(FleetOverTls, GetsNowhereWithoutTls) {
  FleetOptions options;
  options.target = *parse_target(meta.address());
  options.hosts.hosts = 10;
  options.pace = RateEstimator::flat_out;
  options.duration = 1;
  const Report report = run_fleet(options);
  EXPECT_EQ(report.hosts_in, 0U);
  EXPECT_GT(report.error_count(), 0U);
}

}  // namespace
}  // namespace ops::tests
