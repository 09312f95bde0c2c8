// Two ops-metas, of which one leads and the other one stands by.

#include <algorithm>
#include <csignal>

#include "tests/e2e/standby_fixture.h"
#include "tests/support/manual.h"
#include "tests/support/proxy.h"

namespace ops::tests {
namespace {

TEST_F(Pair, StandbyNamesTheLeaderAndKeepsItsState) {
  start_leader("1.0.0", 1);
  ASSERT_TRUE(m2.start(agents("1.0.0"))) << m2.log();
  ASSERT_TRUE(follows(m2)) << m2.log();

  EXPECT_TRUE(get(m1.port(), "/leader").body.starts_with("leads, generation ")) << get(m1.port(), "/leader").body;
  EXPECT_EQ(get(m1.port(), "/leader").status, 200);
  const HttpReply no_leader = get(m2.port(), "/leader");
  EXPECT_EQ(no_leader.status, 503);
  EXPECT_EQ(no_leader.body, "stands by; " + m1.url() + " leads\n");
  const HttpReply refused = heartbeat(m2, "1.0.0");
  EXPECT_EQ(refused.status, 503);
  EXPECT_EQ(refused.body, no_leader.body);
  EXPECT_NE(refused.header("Retry-After"), "");
  EXPECT_TRUE(contains(heartbeat(m1, "1.0.0").body, ",\"generation\":"));

  const HttpReply moved = get(m2.port(), "/status/text/demo-agent?prefix=h%201");
  EXPECT_EQ(moved.status, 307);
  EXPECT_EQ(moved.header("Location"), m1.url("/status/text/demo-agent?prefix=h%201"));
  EXPECT_EQ(get(m2.port(), "/").header("Location"), m1.url("/"));
  EXPECT_EQ(get(m2.port(), "/health").body, "ok");
  EXPECT_EQ(get(m2.port(), "/demo-agent/demo-agent-1.0.0.tar.gz").body, demo_agent_tarball("1.0.0"));

  for (const std::vector<std::string>& order : {std::vector<std::string>{"halt", "demo-agent", "1.0.0"}, {"reload", "--yes"}}) {
    const Finished finished = m2.run_control(order);
    EXPECT_EQ(finished.exit_code, 1) << finished.output;
    EXPECT_TRUE(contains(finished.output, "stands by; " + m1.url() + " leads")) << finished.output;
  }
  EXPECT_TRUE(contains(m2.run_control({"status"}).output, "started, stands by " + m1.address() + ", "));
  EXPECT_EQ(m1.run_control({"status"}).output, "started, leads\n");

  // An order of the leader, and its table.
  EXPECT_EQ(m1.run_control({"halt", "demo-agent", "1.0.0"}).exit_code, 0);
  EXPECT_TRUE(eventually([&] { return read_file(m2 / "var/orders.json") == read_file(m1 / "var/orders.json"); })) << m2.log();
  EXPECT_TRUE(contains(read_file(m2 / "var/hosts.table"), "h1"));
}

TEST_F(Pair, StateNeedsATokenOfOperators) {
  ASSERT_TRUE(m1.start(agents("1.0.0"))) << m1.log();
  const Finished refused = m1.run_control({"promote", "--force"});
  EXPECT_EQ(refused.exit_code, 1);
  EXPECT_TRUE(contains(refused.output, "has never reached a leader")) << refused.output;
  ASSERT_EQ(m1.run_control({"promote", "--force", "--old-state"}).exit_code, 0) << m1.log();
  ASSERT_TRUE(has_role(m1, "leads"));
  for (const char* path : {"/standby/state", "/standby/hosts", "/standby/step-down", "/standby/role"}) {
    EXPECT_EQ(get(m1.port(), path).status, 401) << path;
    EXPECT_EQ(http(m1.port(), "POST", path).status, 401) << path;
  }
  const HeaderFields boss = {{"Authorization", "Bearer boss"}};
  EXPECT_EQ(get(m1.port(), "/standby/state", boss).status, 200);
  EXPECT_EQ(get(m1.port(), "/standby/step-down", boss).status, 405);
  EXPECT_TRUE(eventually([&] { return get(m1.port(), "/leader").status == 200; })) << "a request above changed the leader";
}

// The leader is killed. m2 has the cfg.json of yesterday, but the agents and the rollouts of the leader.
TEST_F(Pair, AfterAKillThePromotedOneHasTheFleetAndNoHostChanges) {
  start_leader("1.0.0", 2);
  ASSERT_TRUE(m2.start(agents("1.0.0"))) << m2.log();
  ASSERT_TRUE(follows(m2)) << m2.log();
  ASSERT_TRUE(m1.assign(agents("2.0.0")));
  ASSERT_TRUE(all_run("2.0.0")) << hosts[0]->log() << m1.log();
  const std::string peak = R"({"agent":"demo-agent","hosts":2,"version":"2.0.0)";
  ASSERT_TRUE(eventually([&] { return contains(read_file(m2 / "var/rollouts.json"), peak); })) << m2.log();
  m1.process().kill();

  const Finished unforced = m2.run_control({"promote"});
  EXPECT_EQ(unforced.exit_code, 1);
  EXPECT_TRUE(contains(unforced.output, "promote --force")) << unforced.output;
  EXPECT_EQ(get(m2.port(), "/leader").status, 503);
  const Finished forced = m2.run_control({"promote", "--force"});
  ASSERT_EQ(forced.exit_code, 0) << forced.output << m2.log();
  ASSERT_TRUE(has_role(m2, "leads")) << m2.log();
  EXPECT_TRUE(contains(read_file(m2 / "cfg.json"), "2.0.0"));
  EXPECT_TRUE(contains(read_file(m2 / "cfg.json.before-promote"), "1.0.0"));
  EXPECT_TRUE(eventually([&] {
    const std::string fleet = m2.get_as_owner("/status/text/demo-agent").body;
    return contains(fleet, "h1 2.0.0 started") && contains(fleet, "h2 2.0.0 started");
  })) << m2.log();

  // Both hosts go to m2, and obey it.
  for (const auto& host : hosts) {
    EXPECT_TRUE(eventually([&] { return contains(host->log(), "heartbeats go to " + m2.url() + " now"); })) << host->log();
    EXPECT_EQ(host->version("demo-agent"), "2.0.0");
  }

  // The former leader, started again, stands by.
  ASSERT_TRUE(m1.start(agents("1.0.0"))) << m1.log();
  EXPECT_TRUE(follows(m1)) << m1.log();
  EXPECT_EQ(heartbeat(m1, "2.0.0").status, 503);
  EXPECT_EQ(get(m1.port(), "/leader").status, 503);

  // The way back needs no rollout: m2 knows how many hosts ran the version before.
  EXPECT_TRUE(eventually([&] { return contains(m2.log(), "the warm-up is over"); })) << m2.log();
  const std::string metrics = m2.get_as_owner("/metrics").body;
  EXPECT_EQ(sample(metrics, "ops_meta_rollout_grants_total"), 0) << metrics;
  EXPECT_EQ(sample(metrics, R"(ops_meta_rollout_peak{agent="demo-agent",version="2.0.0"})"), 2) << metrics;
  ASSERT_TRUE(m2.assign(agents("1.0.0")));
  EXPECT_EQ(sample(m2.get_as_owner("/metrics").body, R"(ops_meta_rollout_peak{agent="demo-agent",version="1.0.0"})"), 2);
  EXPECT_TRUE(all_run("1.0.0")) << hosts[0]->log() << m2.log();
}

TEST_F(Pair, PromotionOfTheOtherMakesALivingLeaderStandBy) {
  start_leader("1.0.0", 1);
  ASSERT_TRUE(m2.start(agents("1.0.0"))) << m2.log();
  ASSERT_TRUE(follows(m2)) << m2.log();
  const Finished promoted = m2.run_control({"promote"});
  ASSERT_EQ(promoted.exit_code, 0) << promoted.output << m2.log() << m1.log();
  ASSERT_TRUE(has_role(m2, "leads")) << m2.log();
  ASSERT_TRUE(follows(m1)) << m1.log();
  EXPECT_TRUE(eventually([&] { return contains(hosts[0]->log(), "heartbeats go to " + m2.url()); })) << hosts[0]->log();
  EXPECT_FALSE(contains(hosts[0]->log(), "another ops-meta leads")) << hosts[0]->log();

  const Finished back = m1.run_control({"promote"});
  ASSERT_EQ(back.exit_code, 0) << back.output << m1.log() << m2.log();
  ASSERT_TRUE(has_role(m1, "leads")) << m1.log();
  EXPECT_TRUE(follows(m2)) << m2.log();
}

TEST_F(Pair, ALeaderThatWasPausedDuringAPromotionStandsBy) {
  start_leader("1.0.0", 1);
  ASSERT_TRUE(m2.start(agents("1.0.0"))) << m2.log();
  ASSERT_TRUE(follows(m2)) << m2.log();
  m1.process().signal(SIGSTOP);
  const Finished promoted = m2.run_control({"promote", "--force"});
  EXPECT_EQ(promoted.exit_code, 0) << promoted.output << m2.log();
  EXPECT_TRUE(has_role(m2, "leads")) << m2.log();
  m1.process().signal(SIGCONT);
  EXPECT_TRUE(follows(m1)) << m1.log();
  EXPECT_EQ(get(m1.port(), "/leader").status, 503);
}

// The state in var/ is of yesterday: the leader has gone on to 2.0.0 since. This takes the 30 s after which m2 freezes.
TEST_F(Pair, AStandbyOfYesterdayFreezesAndChangesNoHost) {
  start_leader("1.0.0", 1);
  ASSERT_TRUE(m2.start(agents("1.0.0"))) << m2.log();
  ASSERT_TRUE(follows(m2)) << m2.log();
  ASSERT_TRUE(eventually([&] { return contains(read_file(m2 / "var/followed.json"), "1.0.0"); })) << m2.log();
  ASSERT_EQ(m2.process().stop(), 0);
  ASSERT_TRUE(m1.assign(agents("2.0.0")));
  ASSERT_TRUE(all_run("2.0.0")) << hosts[0]->log() << m1.log();
  m1.process().kill();
  ASSERT_TRUE(m2.start(agents("1.0.0"))) << m2.log();

  EXPECT_EQ(heartbeat(m2, "2.0.0").status, 503) << "it is not silent for 30 s yet";
  ASSERT_TRUE(eventually([&] { return heartbeat(m2, "2.0.0").status == 200; }, std::chrono::seconds(120))) << m2.log();
  EXPECT_TRUE(contains(heartbeat(m2, "2.0.0").body, "\"version\":\"2.0.0\"")) << heartbeat(m2, "2.0.0").body;
  EXPECT_TRUE(eventually([&] { return contains(m2.log(), "no host changes"); })) << m2.log();
  EXPECT_TRUE(contains(m2.run_control({"status"}).output, ", frozen: ")) << m2.run_control({"status"}).output;

  // The host stays supervised.
  ASSERT_TRUE(eventually([&] { return contains(hosts[0]->log(), "heartbeats go to " + m2.url()); }, std::chrono::seconds(120)))
      << hosts[0]->log();
  send_signal(hosts[0]->agent_pid("demo-agent", "2.0.0"), SIGKILL);
  EXPECT_TRUE(all_run("2.0.0")) << hosts[0]->log();
  EXPECT_EQ(hosts[0]->version("demo-agent"), "2.0.0");

  const Finished refused = m2.run_control({"promote", "--force"});
  EXPECT_EQ(refused.exit_code, 1);
  EXPECT_TRUE(contains(refused.output, "--old-state")) << refused.output;
  EXPECT_FALSE(exists(m2 / "cfg.json.before-promote")) << "a refusal changes no cfg.json";
  EXPECT_EQ(get(m2.port(), "/leader").status, 503);
}

// m1 has an old var/ and no `standby` any more, so it cannot see that m2 leads. Only the generation protects hosts that reach
// it.
TEST_F(Pair, AFormerLeaderThatCannotAskChangesNoHost) {
  start_leader("1.0.0", 1);
  ASSERT_TRUE(m2.start(agents("1.0.0"))) << m2.log();
  ASSERT_TRUE(m1.assign(agents("2.0.0")));
  ASSERT_TRUE(all_run("2.0.0")) << hosts[0]->log() << m1.log();
  ASSERT_TRUE(eventually([&] { return contains(read_file(m2 / "var/followed.json"), "2.0.0"); })) << m2.log();
  m1.process().kill();
  const Finished promoted = m2.run_control({"promote", "--force"});
  ASSERT_EQ(promoted.exit_code, 0) << promoted.output << m2.log();
  ASSERT_TRUE(eventually([&] { return contains(hosts[0]->log(), "heartbeats go to " + m2.url()); }, std::chrono::seconds(120)))
      << hosts[0]->log();

  m1.set_more("");
  std::vector<TestAgent> yesterday = agents("1.0.0");
  yesterday.front().more = R"(, "rollout": {"parallel": 0})";
  ASSERT_TRUE(m1.start(yesterday)) << m1.log();
  const auto is_assigned = [&] { return contains(heartbeat(m1, "2.0.0").body, "\"version\":\"1.0.0\""); };
  ASSERT_TRUE(eventually(is_assigned, std::chrono::seconds(120))) << m1.log();
  ASSERT_EQ(hosts[0]->process().stop(), 0);
  write_file(*hosts[0] / "var/app.log", "");
  ASSERT_TRUE(hosts[0]->start()) << hosts[0]->log();  // asks m1 first
  EXPECT_TRUE(eventually([&] { return contains(hosts[0]->log(), "another ops-meta leads"); })) << hosts[0]->log();
  EXPECT_TRUE(eventually([&] { return contains(hosts[0]->log(), "ops-meta answers, at " + m2.url()); })) << hosts[0]->log();
  EXPECT_EQ(hosts[0]->version("demo-agent"), "2.0.0");
  EXPECT_EQ(hosts[0]->running("demo-agent"), std::vector<std::string>{"2.0.0"});
}

TEST_F(Pair, BehindTheHaproxyOfTheManualHostsReachTheLeader) {
  start_leader("1.0.0", 1);
  ASSERT_TRUE(m2.start(agents("1.0.0"))) << m2.log();
  ASSERT_TRUE(follows(m2)) << m2.log();
  std::string backend = manual_block("backend ops-meta");
  for (const auto& [name, meta] : {std::pair("m1:2000", &m1), std::pair("m2:2000", &m2)}) {
    const size_t at = backend.find(name);
    ASSERT_NE(at, std::string::npos) << backend;
    backend.replace(at, 7, meta->address());
  }
  HaProxyWith haproxy("ops-meta", backend);
  ASSERT_TRUE(haproxy.start()) << haproxy.log();
  const auto leader = [&] { return get(haproxy.port(), "/leader").body; };
  const std::string first = get(m1.port(), "/leader").body;
  EXPECT_TRUE(eventually([&] { return leader() == first; })) << haproxy.log();
  const Finished promoted = m2.run_control({"promote"});
  ASSERT_EQ(promoted.exit_code, 0) << promoted.output << m2.log();
  EXPECT_TRUE(eventually([&] { return leader().starts_with("leads, ") && leader() != first; }, std::chrono::seconds(120)))
      << haproxy.log();
  EXPECT_TRUE(eventually([&] { return heartbeat(haproxy.port(), "1.0.0").status == 200; })) << haproxy.log();
}

TEST(SingleMeta, HasNoPathsOfAPairAndNoGeneration) {
  MetaBox meta;
  meta.add_control();
  ASSERT_TRUE(meta.start({{"a", "1"}})) << meta.log();
  for (const char* path : {"/leader", "/standby/state", "/standby/hosts", "/standby/role"}) {
    EXPECT_EQ(meta.get(path).status, 404) << path;
  }
  EXPECT_FALSE(contains(http(meta.port(), "POST", "/heartbeat", R"({"hostname": "h1"})").body, "generation"));
  EXPECT_FALSE(contains(meta.get("/metrics").body, "ops_meta_leads"));
  EXPECT_FALSE(exists(meta / "var/leader.json"));
  EXPECT_EQ(meta.run_control({"status"}).output, "started\n");
  const Finished promoted = meta.run_control({"promote", "--force"});
  EXPECT_EQ(promoted.exit_code, 1);
  EXPECT_TRUE(contains(promoted.output, "its cfg.json has no \"standby\"")) << promoted.output;
}

}  // namespace
}  // namespace ops::tests
