#include "meta/reports/metrics.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <ctime>
#include <iostream>

#include "meta/api/routes.h"
#include "tests/support/measure.h"
#include "tests/support/promtool.h"
#include "tests/support/temp_dir.h"

namespace ops::tests {
namespace {

using meta::HostTable;
using meta::NamedReleases;

meta::AgentConfig agent(const std::string& name, const std::string& version) {
  meta::AgentConfig agent;
  agent.defaults = {name, version, "http://m/" + name, "", "start"};
  return agent;
}

meta::Config config_of(std::vector<meta::AgentConfig> agents) {
  meta::Config config;
  config.agents = std::move(agents);
  return config;
}

TEST(NamedReleases, NamesTheReleasesOfTheConfig) {
  meta::AgentConfig falcon = agent("falcon", "1");
  falcon.others = {{"lg-", "2", "", "", ""}, {"bj-", "", "", "", "stop"}};
  NamedReleases named;
  named.note(config_of({falcon, agent("naming", "7")}));
  EXPECT_EQ(named.names(), (NamedReleases::Names{{"falcon", {"1", "2"}}, {"naming", {"7"}}}));
}

TEST(NamedReleases, KeepsAFewVersionsOfEarlierConfigs) {
  NamedReleases named;
  for (const char* version : {"1", "2", "3", "4", "5", "4", "6"}) named.note(config_of({agent("falcon", version)}));
  EXPECT_EQ(named.names(), (NamedReleases::Names{{"falcon", {"3", "4", "5", "6"}}}));
  named.note(config_of({agent("naming", "1")}));
  EXPECT_EQ(named.names(), (NamedReleases::Names{{"naming", {"1"}}}));
}

TEST(NamedReleases, LimitsTheirNumber) {
  meta::AgentConfig falcon = agent("falcon", "0");
  for (int i = 1; i < 1000; ++i) falcon.others.push_back({"h" + std::to_string(i), std::to_string(i), "", "", ""});
  NamedReleases named;
  named.note(config_of({falcon}));
  EXPECT_EQ(named.names().at("falcon").size(), NamedReleases::kMaxReleases);
}

TEST(NamedReleases, LeavesOutNamesThatLookLikeSums) {
  NamedReleases named;
  named.note(config_of({agent("other", "1"), agent("falcon", "other")}));
  EXPECT_TRUE(named.names().empty());
}

struct MetaMetrics : testing::Test {
  meta::Config load() const {
    write_file(path, R"({"http": {"listen": "127.0.0.1:2000"}, "maxHosts": 1000000, "agents": [{"default": {"name": "falcon", )"
                     R"("version": "2", "tarball": "http://m/f", "cmd": "start"}}]})");
    ConfigReport report;
    meta::Config config = meta::load_config(path, report);
    config.tarball_dir = folder / "tarball";
    write_file(folder / "tarball/big", std::string(100'000, 'x'));
    return config;
  }

  HttpResponse ask(const std::string& method, const std::string& target, const std::string& body = "") {
    return routes.handle({method, target, {}, body, "127.0.0.1"});
  }
  std::string metrics() { return ask("GET", "/metrics").body; }
  void heartbeat(const std::string& host, const std::string& agent, const std::string& version, const std::string& more = "") {
    const HttpResponse response = ask("POST", "/heartbeat",
                                      R"({"hostname":")" + host + R"(","realAgents":[{"name":")" + agent + R"(","version":")" +
                                          version + R"(","status":"started","timestamp":1}])" + more + "}");
    EXPECT_EQ(response.status, 200) << response.body;
  }

  TempDir folder;
  std::string path = folder / "cfg.json";
  HostTable hosts{1'000'000};
  meta::Routes routes{path, load(), hosts};
};

TEST_F(MetaMetrics, PassPromtool) {
  heartbeat("h1", "falcon", "1");
  heartbeat("h2", "falcon", "2");
  const HttpResponse response = ask("GET", "/metrics");
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.content_type, "text/plain; version=0.0.4; charset=utf-8");
  EXPECT_EQ(check_metrics(response.body), "");
  EXPECT_EQ(ask("POST", "/metrics").status, 405);
}

TEST_F(MetaMetrics, CountHostsByAgentVersionAndState) {
  heartbeat("h1", "falcon", "2");
  heartbeat("h2", "falcon", "2");
  heartbeat("h3", "falcon", "1");
  heartbeat("h4", "else", "2", R"(,"updates":[{"name":"falcon","version":"2","phase":"downloading"}])");
  const std::string text = metrics();
  EXPECT_EQ(sample(text, "ops_meta_hosts"), 4);
  EXPECT_EQ(sample(text, R"(ops_meta_agent_hosts{agent="falcon",version="2",state="started"})"), 2);
  EXPECT_EQ(sample(text, R"(ops_meta_agent_hosts{agent="falcon",version="2",state="stopped"})"), 0);
  EXPECT_EQ(sample(text, R"(ops_meta_agent_hosts{agent="falcon",version="other",state="started"})"), 1);
  EXPECT_EQ(sample(text, R"(ops_meta_agent_hosts{agent="other",version="other",state="started"})"), 1);
  EXPECT_EQ(sample(text, R"(ops_meta_agent_updates{agent="falcon",version="2",phase="downloading"})"), 1);
}

TEST_F(MetaMetrics, ReportRollouts) {
  for (const std::string host : {"h1", "h2", "h3"}) {
    heartbeat(host, "falcon", "1");
    EXPECT_EQ(sample(metrics(), R"(ops_meta_rollout_inflight{agent="falcon",version="2"})"), 1) << host;
    heartbeat(host, "falcon", "1", R"(,"updates":[{"name":"falcon","version":"2","phase":"rolled-back"}])");
  }
  heartbeat("h4", "falcon", "1");
  const std::string text = metrics();
  EXPECT_EQ(sample(text, R"(ops_meta_rollout_inflight{agent="falcon",version="2"})"), 0);
  EXPECT_EQ(sample(text, R"(ops_meta_rollout_failed{agent="falcon",version="2"})"), 3);
  EXPECT_EQ(sample(text, R"(ops_meta_rollout_halted{agent="falcon",version="2"})"), 1);
  EXPECT_EQ(sample(text, R"(ops_meta_rollout_peak{agent="falcon",version="2"})"), 0);
  EXPECT_EQ(sample(text, R"(ops_meta_rollout_overdue{agent="falcon",version="2"})"), 0);
  EXPECT_EQ(sample(text, R"(ops_meta_rollout_proven{agent="falcon",version="2"})"), 0) << "deprecated";
  EXPECT_EQ(sample(text, R"(ops_meta_rollout_silent{agent="falcon",version="2"})"), 0) << "deprecated";
  EXPECT_EQ(sample(text, "ops_meta_rollout_grants_total"), 3);
  EXPECT_EQ(sample(text, "ops_meta_rollout_halts_total"), 1);
}

TEST_F(MetaMetrics, CountRequestsAndRefusals) {
  heartbeat("h1", "falcon", "2");
  EXPECT_EQ(ask("POST", "/heartbeat", "{").status, 400);
  hosts.set_max_hosts(1);
  EXPECT_EQ(ask("POST", "/heartbeat", R"({"hostname":"h2"})").status, 503);
  {
    const HttpResponse download = ask("GET", "/big");
    EXPECT_EQ(download.status, 200);
  }
  EXPECT_EQ(ask("GET", "/no-file").status, 404);
  const std::string text = metrics();
  EXPECT_EQ(sample(text, "ops_meta_heartbeats_total"), 3);
  EXPECT_EQ(sample(text, "ops_meta_heartbeat_duration_seconds_count"), 3);
  EXPECT_EQ(sample(text, R"(ops_meta_requests_refused_total{request="heartbeat",reason="malformed"})"), 1);
  EXPECT_EQ(sample(text, R"(ops_meta_requests_refused_total{request="heartbeat",reason="no-room"})"), 1);
  EXPECT_EQ(sample(text, "ops_meta_downloads_total"), 1);
}

TEST_F(MetaMetrics, CountHeartbeatsWithoutAToken) {
  write_file(path, R"({"http": {"listen": "127.0.0.1:2000", "tokens": ["a-token-of-many-characters-51c9"]}, "agents": []})");
  ask("GET", "/config/reload");
  EXPECT_EQ(ask("POST", "/heartbeat", R"({"hostname":"h1"})").status, 401);
  EXPECT_EQ(sample(metrics(), R"(ops_meta_requests_refused_total{request="heartbeat",reason="unauthorized"})"), 1);
}

TEST_F(MetaMetrics, ReportABadConfig) {
  EXPECT_EQ(sample(metrics(), "ops_meta_config_last_reload_failed"), 0);
  write_file(path, "{");
  ask("GET", "/config/reload");
  EXPECT_EQ(sample(metrics(), "ops_meta_config_last_reload_failed"), 1);
  EXPECT_EQ(sample(metrics(), "ops_meta_config_reload_failures_total"), 1);
  load();
  ask("GET", "/config/reload");
  EXPECT_EQ(sample(metrics(), "ops_meta_config_last_reload_failed"), 0);
}

// Prometheus keeps every series for months: a host must not be able to create one.
TEST_F(MetaMetrics, StaySmallForAnyReports) {
  const size_t small = metrics().size();
  const auto lines = [](const std::string& text) { return std::count(text.begin(), text.end(), '\n'); };
  const auto few = lines(metrics());
  constexpr int kHosts = kSanitized ? 20'000 : 1'000'000;
  for (int i = 0; i < kHosts; ++i) {
    const std::string number = std::to_string(i);
    const RealAgent falcon{"falcon", "9." + number, "<script>\"\\" + number, 1};
    const RealAgent unheard{"agent-" + number, number, "started", 1};
    const AgentUpdate update{"falcon", "8." + number, "phase \"" + number, 0, 0, 1, 0, "\"}\n<script>"};
    EXPECT_TRUE(
        hosts.record({"h" + number, {falcon, unheard}, {update}, "1.0." + number, "\"\\"}, std::chrono::system_clock::now()));
  }
  for (const std::string bad : {R"(a\"b)", R"(a\nb)", "<script>alert(1)</script>", "a b"}) {
    ask("POST", "/heartbeat", R"({"hostname":"hx","realAgents":[{"name":")" + bad + R"(","version":"1"}]})");
    ask("POST", "/heartbeat", R"({"hostname":"hx","realAgents":[{"name":"falcon","version":")" + bad + R"("}]})");
  }
  const std::clock_t before = std::clock();  // CPU time: other tests run beside this one
  const std::string text = metrics();
  const double seconds = static_cast<double>(std::clock() - before) / CLOCKS_PER_SEC;
  EXPECT_EQ(lines(text), few);
  EXPECT_LT(text.size(), small + 1000);
  EXPECT_EQ(check_metrics(text), "");
  EXPECT_EQ(sample(text, R"(ops_meta_agent_hosts{agent="falcon",version="other",state="other"})"), kHosts);
  EXPECT_EQ(sample(text, R"(ops_meta_agent_updates{agent="falcon",version="other",phase="other"})"), kHosts);
  if (!kSanitized) {
    EXPECT_LT(seconds, 1);
  }
  std::cout << text.size() << " bytes in " << seconds * 1000 << " ms\n";
}

TEST_F(MetaMetrics, StayBelowAMegabyteForAnyConfig) {
  std::string others;
  for (int i = 0; i < 2000; ++i) {
    others += std::string(i == 0 ? "" : ",") + R"({"prefix":"h)" + std::to_string(i) + R"(","version":"10.20.30-)" +
              std::to_string(i) + R"("})";
  }
  write_file(path, R"({"http": {"listen": "127.0.0.1:2000"}, "agents": [{"default": {"name": "falcon-agent", "version": "2", )"
                   R"("tarball": "http://m/f", "cmd": "start"}, "others": [)" +
                       others + "]}]}");
  EXPECT_EQ(ask("GET", "/config/reload").body.find(R"("msg":"success")"), 1u);
  const std::string text = metrics();
  EXPECT_LT(text.size(), 1'000'000u);
  EXPECT_EQ(check_metrics(text), "");
}

}  // namespace
}  // namespace ops::tests
