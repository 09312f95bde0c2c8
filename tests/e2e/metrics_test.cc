// The metrics of both daemons, the alert rules in meta/alerts.yml, and the dashboard for Grafana.

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <optional>
#include <regex>
#include <set>

#include "meta/hosts/host_snapshot.h"
#include "meta/hosts/host_table.h"
#include "tests/support/boxes.h"
#include "tests/support/http.h"
#include "tests/support/manual.h"
#include "tests/support/promtool.h"
#include "tests/support/tarball.h"
#include "tests/support/text.h"
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
  MetaBox standby;  // has the metrics of a pair
  standby.set_port(free_port());
  standby.set_http(R"(, "adminTokens": ["boss"])");
  standby.set_more(R"(, "standby": {"of": ")" + meta.url() + R"(", "token": "boss"})");
  ASSERT_TRUE(standby.start({})) << standby.log();
  const std::string of_standby = standby.get_as_owner("/metrics").body;
  EXPECT_EQ(check_metrics(of_standby), "");
  const std::string said = of_meta() + of_host() + of_standby;
  std::set<std::string> exported;
  for (const std::string& name : words_like_metrics(said)) {
    if (said.find("# TYPE " + name + " ") != std::string::npos) exported.insert(name);
  }
  const std::string chapters = manual();
  for (const std::string& name : exported) EXPECT_NE(chapters.find(name), std::string::npos) << name << " is not in the manual";
  for (const std::string& name : words_like_metrics(chapters)) {
    EXPECT_TRUE(exported.contains(name)) << "the manual has " << name << ", which neither daemon exports";
  }
}

TEST_F(DaemonMetrics, OfTheDashboardAreExportedAndItsQueriesPassPromtool) {
  const auto dashboard = nlohmann::json::parse(read_file(OPS_SOURCE_DIR "/meta/grafana-dashboard.json"));
  const std::string said = of_meta() + of_host();
  std::string rules = "groups:\n  - name: dashboard\n    rules:\n";
  std::set<int> ids;
  for (const auto& panel : dashboard.at("panels")) {
    EXPECT_TRUE(ids.insert(panel.at("id").get<int>()).second) << panel.at("title");
    EXPECT_FALSE(panel.at("targets").empty()) << panel.at("title");
    for (const auto& target : panel.at("targets")) {
      const std::string query = target.at("expr");
      rules += "      - record: panel" + std::to_string(panel.at("id").get<int>()) + ":" +
               target.at("refId").get<std::string>() + "\n        expr: " + nlohmann::json(query).dump() + "\n";
      const auto names = words_like_metrics(query);
      EXPECT_FALSE(names.empty()) << query;
      for (std::string name : names) {
        if (name.ends_with("_bucket")) name.resize(name.size() - std::string("_bucket").size());
        EXPECT_TRUE(contains(said, "# TYPE " + name + " "))
            << panel.at("title") << " has " << name << ", which no daemon exports";
      }
    }
  }
  for (const auto& variable : dashboard.at("templating").at("list")) {
    for (const std::string& name : words_like_metrics(variable.at("query"))) {
      EXPECT_TRUE(contains(said, "# TYPE " + name + " ")) << name;
    }
  }
  EXPECT_EQ(check_rules(rules), "") << rules;
}

std::string alert_rules() { return read_file(OPS_SOURCE_DIR "/meta/alerts.yml"); }

TEST(AlertRules, PassPromtoolAndAreInTheManual) {
  const std::string rules = alert_rules();
  EXPECT_EQ(check_rules(rules), "") << rules;
  static const std::regex alert("- alert: ([A-Za-z]+)");
  const std::string chapter = read_file(OPS_SOURCE_DIR "/meta/README.md");
  int alerts = 0;
  for (std::sregex_iterator found(rules.begin(), rules.end(), alert), end; found != end; ++found, ++alerts) {
    EXPECT_TRUE(contains(chapter, "`" + (*found)[1].str() + "`")) << (*found)[1] << " is not in the manual";
  }
  EXPECT_GT(alerts, 5);
  for (const std::string& name : words_like_metrics(rules)) EXPECT_TRUE(contains(chapter, name)) << name;
}

/// A unit test of promtool for HostsSilent: series with one sample a minute, and whether the alert fires at a minute.
std::string silent_case(const std::string& silent, const std::string& hosts, int minute, int fires_with) {
  return "  - interval: 1m\n    input_series:\n"
         "      - {series: ops_meta_silent_hosts, values: \"" +
         silent +
         "\"}\n"
         "      - {series: ops_meta_hosts, values: \"" +
         hosts +
         "\"}\n"
         "    alert_rule_test:\n      - eval_time: " +
         std::to_string(minute) + "m\n        alertname: HostsSilent\n" +
         (fires_with == 0 ? "        exp_alerts: []\n"
                          : "        exp_alerts:\n          - exp_annotations: {summary: \"" + std::to_string(fires_with) +
                                " hosts have sent no heartbeat for three intervals; the page names some\"}\n");
}

TEST(AlertRules, FireForSilentHostsOnly) {
  const std::string tests =
      "tests:\n" +
      // A rollout: hosts send more heartbeats than usual, and then fewer again. No host is silent, or a few that reboot.
      silent_case("3x60 5x30 3x120", "4000x210", 150, 0) +
      // A quiet night: some hosts are gone for good.
      silent_case("30x720", "4000x720", 700, 0) +
      // A dead rack of 40 hosts in 4,000; a quarter of a small site.
      silent_case("3x60 43x60", "4000x120", 65, 0) + silent_case("3x60 43x60", "4000x120", 75, 40) +
      silent_case("0x60 5x60", "20x120", 75, 5) +
      // A short restart of ops-meta; a long one, after which all hosts are silent until they have reported.
      silent_case("3x60 _x2 3x60", "4000x60 _x2 4000x60", 90, 0) +
      silent_case("3x60 _x60 4000x5 3x60", "4000x60 _x60 4000x65", 126, 0) +
      silent_case("3x60 _x60 4000x5 3x60", "4000x60 _x60 4000x65", 140, 0) +
      // A crash: the table is empty at first, and hosts that were silent before are unknown.
      silent_case("30x60 _x2 0x120", "4000x60 _x2 0x1 4000x120", 150, 0);
  EXPECT_EQ(test_rules(alert_rules(), tests), "");
}

/// Saves a host table in which this many hosts sent their last heartbeat some time ago, and the rest now.
void save_table(const MetaBox& meta, int silent, int all) {
  meta::HostTable hosts;
  const auto now = std::chrono::system_clock::now();
  for (int i = 0; i < all; ++i) {
    const auto heard_at = i < silent ? now - std::chrono::minutes(16) : now - std::chrono::minutes(14);
    EXPECT_TRUE(hosts.record({"h" + std::to_string(i), {}, {}, "1.0.0", "linux_amd64"}, heard_at));
  }
  EXPECT_TRUE(meta::save_hosts(hosts, meta / "var/hosts.table", now, now));
}

TEST(MetaMetrics, CountHostsThatAreSilentForThreeIntervals) {
  MetaBox meta;
  ASSERT_TRUE(meta.start({{"demo-agent", "1.0.0"}})) << meta.log();
  EXPECT_EQ(meta.process().stop(), 0);
  save_table(meta, 3, 10);
  ASSERT_TRUE(meta.Box::start()) << meta.log();
  EXPECT_TRUE(eventually([&] { return sample(meta.get("/metrics").body, "ops_meta_silent_hosts") == 3; }))
      << meta.get("/metrics").body;
}

}  // namespace
}  // namespace ops::tests
