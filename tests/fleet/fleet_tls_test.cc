// A fleet and a real ops-meta with TLS.

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

  /// Sends one heartbeat of each of 200 hosts, four at once.
  Report run_once(Tls tls, bool keep = false) const {
    FleetOptions options;
    options.target = *parse_target(meta.address());
    options.hosts.hosts = 200;
    options.pacing = Pacing::flat_out;
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
  const Report report = run_once(Tls::resumed);
  EXPECT_GE(report.resumed, report.connections - 4 - 4) << "all except the first four and the four that are still open";
}

TEST_F(FleetOverTls, MakesFullHandshakes) { EXPECT_EQ(run_once(Tls::full).resumed, 0U); }

TEST_F(FleetOverTls, KeepsConnections) { EXPECT_LE(run_once(Tls::resumed, true).connections, 8U); }

TEST_F(FleetOverTls, GetsErrorsWithoutTls) {
  FleetOptions options;
  options.target = *parse_target(meta.address());
  options.hosts.hosts = 10;
  options.pacing = Pacing::flat_out;
  options.duration = 1;
  const Report report = run_fleet(options);
  EXPECT_EQ(report.hosts_in, 0U);
  EXPECT_GT(report.error_count(), 0U);
}

}  // namespace
}  // namespace ops::tests
