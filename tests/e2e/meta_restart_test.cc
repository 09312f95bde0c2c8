// The state that ops-meta keeps and loses in a restart.

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/support/boxes.h"
#include "tests/support/promtool.h"
#include "tests/support/text.h"

namespace ops::tests {
namespace {

struct MetaRestart : testing::Test {
  MetaRestart() {
    start();
    for (const std::string host : {"h1", "h2"}) {
      const std::string agents = R"("realAgents":[{"name":"a","version":"1","status":"started","timestamp":7}])";
      EXPECT_EQ(http(meta.port(), "POST", "/heartbeat", R"({"hostname":")" + host + "\"," + agents + "}").status, 200);
    }
    before = state();
  }

  void start() { ASSERT_TRUE(meta.start({{"a", "1"}})) << meta.log(); }
  std::string state() const {
    return meta.get("/status/json/a").body + meta.get("/status/host/h1").body +
           nlohmann::json::parse(meta.get("/status/summary").body).at("agents").dump();
  }

  MetaBox meta;
  std::string before;
  size_t log_start = 0;  // the log before this offset belongs to earlier runs
};

TEST_F(MetaRestart, KeepsAllHosts) {
  EXPECT_EQ(meta.process().stop(), 0);
  start();
  EXPECT_EQ(state(), before);
  EXPECT_NE(before.find("h2"), std::string::npos);
}

TEST_F(MetaRestart, StartsEmptyWhenTheTableIsDamaged) {
  EXPECT_EQ(meta.process().stop(), 0);
  const std::string saved = read_file(meta / "var/hosts.table");
  write_file(meta / "var/hosts.table", saved.substr(0, saved.size() / 2));
  start();
  EXPECT_EQ(meta.status("a"), "");
  EXPECT_NE(meta.log().find("warning var/hosts.table is ignored: it is damaged"), std::string::npos) << meta.log();
}

TEST_F(MetaRestart, AfterAKillLoadsTheStateOfTheLastStop) {
  EXPECT_EQ(meta.process().stop(), 0);
  start();
  meta.process().kill();
  start();
  EXPECT_EQ(state(), before);
}

// A crash loses the state of rollouts. A stop during the warm-up that follows must not save an incomplete state.
TEST_F(MetaRestart, AfterACrashWarmsUpAlsoAfterTheNextStop) {
  const auto warms_up = [&] { return meta.log().substr(log_start).find("the state of rollouts is lost") != std::string::npos; };
  meta.process().kill();
  start();
  EXPECT_TRUE(warms_up()) << meta.log();
  log_start = meta.log().size();
  EXPECT_EQ(meta.process().stop(), 0);
  start();
  EXPECT_TRUE(warms_up()) << meta.log();
}

// The clock is now 8 h ahead of that at the stop.
TEST_F(MetaRestart, AStepOfTheClockMakesNoLeaseOverdueAndNoHostSilent) {
  const auto number = [&](const std::string& name) { return sample(meta.get("/metrics").body, name); };
  const std::string release = "{agent=\"a\",version=\"9\"}";
  ASSERT_TRUE(meta.assign({{"a", "9"}}));
  EXPECT_TRUE(contains(http(meta.port(), "POST", "/heartbeat", R"({"hostname": "new", "updaterVersion": "1"})").body, "\"9\""));
  EXPECT_EQ(number("ops_meta_rollout_inflight" + release), 1);
  EXPECT_EQ(meta.process().stop(), 0);
  std::string saved = read_file(meta / "var/rollouts.json");
  for (const std::string key : {"\"at\":", "\"grantedAt\":"}) {
    const size_t at = saved.find(key) + key.size();
    const std::string time = saved.substr(at, saved.find_first_not_of("0123456789", at) - at);
    saved.replace(at, time.size(), std::to_string(std::stoll(time) - 8 * 3600));
  }
  write_file(meta / "var/rollouts.json", saved, 0600);
  log_start = meta.log().size();
  ASSERT_TRUE(meta.start({{"a", "9"}})) << meta.log();
  EXPECT_EQ(number("ops_meta_rollout_inflight" + release), 1);
  EXPECT_EQ(number("ops_meta_rollout_overdue" + release), 0);
  EXPECT_EQ(meta.log().find("warms up", log_start), std::string::npos) << meta.log();
}

TEST_F(MetaRestart, ThatCannotListenKeepsTheSavedState) {
  EXPECT_EQ(meta.process().stop(), 0);
  const std::string saved = read_file(meta / "var/rollouts.json");
  EXPECT_NE(saved, "");
  const std::string good = read_file(meta / "cfg.json");
  std::string bad = good;
  bad.replace(bad.find("127.0.0.1:"), 10, "203.0.113.1:");
  write_file(meta / "cfg.json", bad);
  EXPECT_EQ(run({meta / "ops-meta", "-c", meta / "cfg.json"}).exit_code, 2);
  EXPECT_EQ(read_file(meta / "var/rollouts.json"), saved);
  write_file(meta / "cfg.json", good);
  log_start = meta.log().size();
  start();
  EXPECT_EQ(meta.log().find("the state of rollouts is lost", log_start), std::string::npos) << meta.log();
}

TEST_F(MetaRestart, StopsWithAnErrorWhenTheTableCannotBeWritten) {
  write_file(meta / "var/hosts.table.new/in-the-way", "");
  EXPECT_EQ(meta.process().stop(), 0);
  EXPECT_NE(meta.log().find("error the host table is not saved: cannot create var/hosts.table.new"), std::string::npos)
      << meta.log();
}

}  // namespace
}  // namespace ops::tests
