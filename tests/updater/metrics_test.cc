#include "updater/metrics.h"

#include <gtest/gtest.h>

#include "tests/support/promtool.h"

namespace ops::tests {
namespace {

using updater::AgentReport;
using updater::metrics_text;

AgentReport installed(const std::string& name, const std::string& version, Status status) {
  AgentReport report;
  report.name = name;
  report.seen.emplace();
  report.seen->version = version;
  report.seen->status = status;
  return report;
}

TEST(UpdaterMetrics, AreAcceptedByPromtool) {
  EXPECT_EQ(check_metrics(metrics_text({}, {})), "");
  EXPECT_EQ(check_metrics(metrics_text({installed("a", "1", Status::started)}, {})), "");
}

TEST(UpdaterMetrics, CountHeartbeats) {
  const std::string text =
      metrics_text({}, {.answered = 3, .failed = 2, .server_changes = 4, .last_answer = 1447000000, .last_change = 1447000007});
  EXPECT_EQ(sample(text, "ops_updater_polls_total"), 5);
  EXPECT_EQ(sample(text, "ops_updater_poll_failures_total"), 2);
  EXPECT_EQ(sample(text, "ops_updater_server_changes_total"), 4);
  EXPECT_EQ(sample(text, "ops_updater_last_poll_timestamp_seconds"), 1447000000);
  EXPECT_EQ(sample(text, "ops_updater_last_change_timestamp_seconds"), 1447000007);
}

TEST(UpdaterMetrics, ShowRunningAgentsUpdatesAndFailures) {
  AgentReport one = installed("one", "1.0.0", Status::started);
  one.phase = Phase::rolled_back;
  one.seen->state.latch = updater::Latch{"2.0.0", "", "it \"stopped\"", 1447000000};
  AgentReport fresh;
  fresh.name = "fresh";
  fresh.phase = Phase::downloading;
  fresh.desired = DesiredAgent{"fresh", "7", "http://m", "", "start"};
  const std::string text = metrics_text({one, installed("two", "2", Status::unclear), fresh}, {});
  EXPECT_EQ(check_metrics(text), "");
  EXPECT_EQ(sample(text, R"(ops_updater_agent_started{agent="one",version="1.0.0"})"), 1);
  EXPECT_EQ(sample(text, R"(ops_updater_agent_started{agent="two",version="2"})"), 0);
  EXPECT_EQ(sample(text, R"(ops_updater_agent_update{agent="one",version="2.0.0",phase="rolled-back"})"), 1);
  EXPECT_EQ(sample(text, R"(ops_updater_agent_update{agent="fresh",version="7",phase="downloading"})"), 1);
  EXPECT_EQ(sample(text, R"(ops_updater_agent_failed_timestamp_seconds{agent="one",version="2.0.0"})"), 1447000000);
}

}  // namespace
}  // namespace ops::tests
