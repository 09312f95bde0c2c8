// The metrics of both daemons, and the alert rules in README.md.

#include <gtest/gtest.h>

#include <optional>
#include <regex>
#include <set>

#include "tests/support/boxes.h"
#include "tests/support/manual.h"
#include "tests/support/promtool.h"
#include "tests/support/tarball.h"
#include "tests/support/wait.h"

namespace ops::tests {
namespace {

/// All words in `text` that have the form of a metric's name.
std::set<std::string> words_like_metrics(const std::string& text) {
  static const std::regex kName("(ops_(meta|updater)|process)_[a-z_]+");
  return {std::sregex_token_iterator(text.begin(), text.end(), kName), {}};
}

struct DaemonMetrics : testing::Test {
  DaemonMetrics() {
    meta.publish("demo-agent", "1.0.0", demo_agent_tarball());
    EXPECT_TRUE(meta.start({{"demo-agent", "1.0.0"}})) << meta.log();
    host.emplace(meta.address());
    EXPECT_TRUE(host->start()) << host->log();
    EXPECT_TRUE(eventually([&] {
      return sample(of_meta(), R"(ops_meta_rollout_running{agent="demo-agent",version="1.0.0"})") == 1;
    })) << meta.log()
        << host->log();
  }

  std::string of_meta() const { return meta.get("/metrics").body; }
  std::string of_host() const { return get(host->port(), "/metrics").body; }

  MetaBox meta;
  std::optional<UpdaterBox> host;
};

TEST_F(DaemonMetrics, OfBothDaemonsPassPromtool) {
  EXPECT_EQ(check_metrics(of_meta()), "");
  EXPECT_EQ(check_metrics(of_host()), "");
  const HttpReply head = http(meta.port(), "HEAD", "/metrics");
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(head.header("Content-Type"), "text/plain; version=0.0.4; charset=utf-8");
  EXPECT_EQ(http(host->port(), "POST", "/metrics").status, 405);
}

TEST_F(DaemonMetrics, CountHeartbeatsBytesAndFailures) {
  const std::string meta_says = of_meta();
  EXPECT_EQ(sample(meta_says, "ops_meta_hosts"), 1);
  EXPECT_GE(sample(meta_says, "ops_meta_connections"), 1);
  EXPECT_GT(sample(meta_says, "ops_meta_heartbeats_total"), 0);
  const size_t size = demo_agent_tarball().size();
  EXPECT_GE(sample(meta_says, "ops_meta_sent_file_bytes_total"), static_cast<double>(size));
  EXPECT_EQ(sample(of_host(), R"(ops_updater_agent_started{agent="demo-agent",version="1.0.0"})"), 1);
  EXPECT_GT(sample(of_host(), "ops_updater_last_poll_timestamp_seconds"), 1.4e9);
  EXPECT_GT(sample(of_host(), "ops_updater_last_change_timestamp_seconds"), 1.4e9);
  meta.process().kill();
  EXPECT_TRUE(eventually([&] { return sample(of_host(), "ops_updater_poll_failures_total") > 0; })) << of_host();
}

TEST_F(DaemonMetrics, AreAllDescribedInTheManual) {
  const std::string said = of_meta() + of_host();
  std::set<std::string> exported;
  for (const std::string& name : words_like_metrics(said)) {
    if (said.find("# TYPE " + name + " ") != std::string::npos) exported.insert(name);
  }
  const std::string manual = read_file(std::string(OPS_SOURCE_DIR) + "/README.md");
  for (const std::string& name : exported) EXPECT_NE(manual.find(name), std::string::npos) << name << " is not in README.md";
  for (const std::string& name : words_like_metrics(manual)) {
    EXPECT_TRUE(exported.contains(name)) << "README.md has " << name << ", which neither daemon exports";
  }
}

TEST(Manual, HasAlertRulesThatPassPromtool) {
  const std::string rules = manual_block("groups:");
  EXPECT_NE(rules.find("alert: "), std::string::npos) << rules;
  EXPECT_EQ(check_rules(rules), "") << rules;
}

}  // namespace
}  // namespace ops::tests
