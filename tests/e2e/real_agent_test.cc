// An agent of another project: Debian's prometheus-node-exporter is installed, upgraded and stopped.

#include <gtest/gtest.h>

#include "tests/support/boxes.h"
#include "tests/support/tarball.h"
#include "tests/support/wait.h"

namespace ops::tests {
namespace {

constexpr char kName[] = "node-exporter";

std::string node_exporter_tarball(int port, const std::string& path) {
  const std::string control = read_file(std::string(OPS_SOURCE_DIR) + "/tests/support/node-exporter/control");
  return make_agent_tarball(control, {{"node_exporter", read_file(OPS_NODE_EXPORTER)},
                                      {"arguments", "--web.listen-address=127.0.0.1:" + std::to_string(port) +
                                                        " --web.telemetry-path=" + path + "\n"}});
}

TEST(RealAgent, IsInstalledUpgradedAndStopped) {
  ASSERT_TRUE(exists(OPS_NODE_EXPORTER)) << OPS_NODE_EXPORTER << " is missing: run ./control test, which downloads it";
  const int port = free_port();
  MetaBox meta;
  meta.publish(kName, "1.5.0", node_exporter_tarball(port, "/metrics"));
  meta.publish(kName, "1.5.1", node_exporter_tarball(port, "/other-metrics"));
  ASSERT_TRUE(meta.start({{kName, "1.5.0"}})) << meta.log();
  UpdaterBox host(meta.address());
  ASSERT_TRUE(host.start()) << host.log();

  const auto answers = [&](const std::string& path) {
    return get(port, path).body.find("node_cpu_seconds_total") != std::string::npos;
  };
  EXPECT_TRUE(eventually([&] { return answers("/metrics"); })) << host.log();
  EXPECT_TRUE(eventually([&] { return meta.status(kName).starts_with("h1 1.5.0 started "); })) << meta.status(kName);

  ASSERT_TRUE(meta.assign({{kName, "1.5.1"}}));
  EXPECT_TRUE(eventually([&] { return answers("/other-metrics"); })) << host.log();
  EXPECT_FALSE(answers("/metrics")) << "the old version still runs";
  EXPECT_TRUE(eventually([&] { return meta.status(kName).starts_with("h1 1.5.1 started "); })) << meta.status(kName);

  ASSERT_TRUE(meta.assign({{kName, "1.5.1", "stop"}}));
  EXPECT_TRUE(eventually([&] { return get(port, "/").status == 0; })) << host.log();
  EXPECT_TRUE(eventually([&] { return meta.status(kName).starts_with("h1 1.5.1 stoped "); })) << meta.status(kName);
}

}  // namespace
}  // namespace ops::tests
