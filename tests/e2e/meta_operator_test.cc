// The commands that an operator uses with ops-meta: plan, check, explain, halt, resume and watch.

#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <set>
#include <sstream>

#include "common/protocol/heartbeat.h"
#include "tests/support/boxes.h"
#include "tests/support/tarball.h"
#include "tests/support/terminal.h"
#include "tests/support/text.h"
#include "tests/support/wait.h"

namespace ops::tests {
namespace {

namespace fs = std::filesystem;

struct MetaOperator : testing::Test {
  MetaOperator() {
    meta.add_control();
    EXPECT_TRUE(meta.start({{"a", "1"}, {"b", "1"}})) << meta.log();
  }

  Finished control(const std::vector<std::string>& words) const { return meta.run_control(words); }
  /// Sends a heartbeat of the host with agent `a` in this version. Returns the version of `a` in the reply; "" for none.
  std::string beat(const std::string& host, const std::string& version, std::vector<AgentUpdate> updates = {}) const {
    const HeartbeatRequest heartbeat{
        host, {{"a", version, "started", 1}, {"b", "1", "started", 1}}, std::move(updates), "1.0.0", "linux_amd64"};
    const auto response = parse_heartbeat_response(http(meta.port(), "POST", "/heartbeat", to_json(heartbeat)).body);
    EXPECT_TRUE(response);
    for (const DesiredAgent& agent : response->desired_agents) {
      if (agent.name == "a") return agent.version;
    }
    return "";
  }
  /// Writes new.json, a config with these agents.
  void write_plan(const std::string& agents) const {
    write_file(meta / "new.json",
               R"({"http": {"listen": "127.0.0.1:)" + std::to_string(meta.port()) + R"("}, "agents": [)" + agents + "]}");
  }

  MetaBox meta;
};

#define EXPECT_HAS(text, part) EXPECT_NE((text).find(part), std::string::npos) << part << " is not in " << (text)

TEST_F(MetaOperator, PlanListsAllEffectsOfAFaultyConfig) {
  for (int i = 0; i < 200; ++i) EXPECT_EQ(beat("web" + std::to_string(i), "1"), "1");
  // A typo in a version, a prefix that no host has, a removed agent, and a share of 5 % for a new version.
  write_plan(R"({"default": {"name": "a", "version": "1", "tarball": "http://m/a", "cmd": "start"},
                 "others": [{"percent": 5, "version": "2"}, {"prefix": "wbe", "version": "3"}]},
                {"default": {"name": "c", "version": "1.O.0", "tarball": "http://m/c", "cmd": "start"}})");
  const Finished plan = control({"plan", "new.json"});
  EXPECT_EQ(plan.exit_code, 0) << plan.output;
  EXPECT_HAS(plan.output, "200 hosts are known.");
  EXPECT_HAS(plan.output, "warning: others[1], hosts wbe*: applies to none of the 200 hosts known here");
  EXPECT_HAS(plan.output, "warning: no host has 1.O.0 yet, and every host would change to it");
  EXPECT_HAS(plan.output, "warning: b is no longer in this config: 200 hosts keep running it");

  // After the reload, as many hosts change as the plan announced.
  fs::copy_file(meta / "new.json", meta / "cfg.json", fs::copy_options::overwrite_existing);
  EXPECT_EQ(control({"reload", "--yes"}).exit_code, 0);
  EXPECT_TRUE(eventually([&] { return meta.log().find("config reloaded: 2 agents") != std::string::npos; })) << meta.log();
  std::set<std::string> changed;
  for (int round = 0; round < 10; ++round) {
    for (int i = 0; i < 200; ++i) {
      const std::string host = "web" + std::to_string(i);
      if (beat(host, changed.contains(host) ? "2" : "1") == "2") changed.insert(host);
    }
  }
  EXPECT_GT(changed.size(), 0u);
  EXPECT_HAS(plan.output, "  1 -> 2  " + std::to_string(changed.size()) + " hosts");
  EXPECT_HAS(plan.output, "  others[0], all hosts, 5 %  " + std::to_string(changed.size()) + " hosts of 200\n");
  EXPECT_HAS(plan.output, "  no change  " + std::to_string(200 - changed.size()) + " hosts\n");
}

TEST_F(MetaOperator, PlanNamesAllFaultsOfAnInvalidConfig) {
  write_plan(R"({"default": {"name": "a/b", "version": "", "cmd": "run"}})");
  const Finished plan = control({"plan", "new.json"});
  EXPECT_EQ(plan.exit_code, 1);
  for (const char* place : {"default.name", "default.version", "default.cmd"}) EXPECT_HAS(plan.output, place);
  EXPECT_EQ(control({"plan", "no.json"}).exit_code, 1);
  EXPECT_EQ(control({"plan"}).output, "0 hosts are known.\n\na\n  no change  0 hosts\n\nb\n  no change  0 hosts\n");
}

TEST_F(MetaOperator, CheckFindsMissingReleases) {
  meta.publish("a", "1", demo_agent_tarball("one"));
  const std::string url = "http://" + meta.address() + "/";
  const Finished missing = control({"check", "--fetch"});
  EXPECT_EQ(missing.exit_code, 2) << missing.output;
  EXPECT_HAS(missing.output, "there     tarball   " + url + "a/a-1.tar.gz\n");
  EXPECT_HAS(missing.output, "there     checksum  " + url + "a/a-1.tar.gz.md5\n");
  EXPECT_HAS(missing.output, "unsigned  signature " + url + "a/a-1.tar.gz.minisig\n");
  EXPECT_HAS(missing.output, "MISSING   tarball   " + url + "b/b-1.tar.gz\n");
  meta.publish("b", "1", demo_agent_tarball("one"));
  const Finished there = control({"check", "--fetch"});
  EXPECT_EQ(there.exit_code, 0) << there.output;
  EXPECT_EQ(there.output.find("MISSING"), std::string::npos);
  EXPECT_EQ(control({"check"}).output.find("tarball"), std::string::npos);
}

TEST_F(MetaOperator, CheckFindsItsTokenInNetrc) {
  meta.publish("a", "1", demo_agent_tarball("one"));
  meta.publish("b", "1", demo_agent_tarball("one"));
  meta.set_http(R"(, "tokens": ["host-token"])");
  ASSERT_TRUE(meta.assign({{"a", "1"}, {"b", "1"}}));
  const TempDir home;
  const auto check = [&] { return run({"env", "HOME=" + home.path(), "./control", "check", "--fetch"}, meta.folder()); };
  const Finished refused = check();
  EXPECT_EQ(refused.exit_code, 2) << refused.output;
  EXPECT_HAS(refused.output, "returned error: 401");
  EXPECT_EQ(refused.output.find("unsigned"), std::string::npos)
      << "a 401 does not show that the signature is missing: " << refused.output;
  write_file(home / ".netrc", "machine 127.0.0.1 login ann password host-token\n");
  const Finished there = check();
  EXPECT_EQ(there.exit_code, 0) << there.output;
}

TEST_F(MetaOperator, ExplainNamesTheReasonWhyAHostWaits) {
  ASSERT_TRUE(meta.assign({{"a", "2"}}));
  EXPECT_EQ(beat("h1", "1"), "2");
  EXPECT_EQ(beat("h2", "1"), "1");
  EXPECT_HAS(control({"explain", "h2"}).output, "  answer     1: the host waits for a lease: 1 of 1 are in use\n");
  EXPECT_HAS(control({"explain", "h2"}).output, "      by agents[0].default: version 2, cmd start");
  const Finished unknown = control({"explain", "no such/host?"});
  EXPECT_EQ(unknown.exit_code, 1);
  EXPECT_EQ(unknown.output, "unknown host \"no such/host?\": ops-meta has no heartbeat from it\n");
  EXPECT_EQ(control({"explain"}).exit_code, 2);
}

TEST_F(MetaOperator, HaltAndResumeByHandSurviveAKill) {
  ASSERT_TRUE(meta.assign({{"a", "2"}}));
  EXPECT_EQ(control({"halt", "a", "2"}).output, "a 2 is halted by hand, until the agent's entry in cfg.json changes\n");
  EXPECT_EQ(beat("h1", "1"), "1");
  EXPECT_HAS(meta.get("/status/summary").body, R"("halted":true,"why":"by hand",)");
  meta.process().kill();
  ASSERT_TRUE(meta.start({{"a", "2"}})) << meta.log();
  EXPECT_HAS(control({"explain", "h1"}).output, "unknown host") << "a killed ops-meta loses its host table";
  EXPECT_HAS(meta.get("/status/summary").body, R"("byHand":"halted")");

  // After a resume by hand, failures do not halt the rollout.
  EXPECT_EQ(control({"resume", "a", "2"}).exit_code, 0);
  for (int i = 0; i < 10; ++i) {
    const std::string host = "new" + std::to_string(i);
    EXPECT_TRUE(http(meta.port(), "POST", "/heartbeat", R"({"hostname":")" + host + R"(","realAgents":[]})")
                    .body.find(R"("version":"2")") != std::string::npos)
        << host;
    beat(host, "1", {{"a", "2", "rolled-back", 0, 0, 1, 0, "it died"}});
  }
  EXPECT_EQ(control({"halt", "x", "2"}).output, "the config has no agent \"x\"\n");
  EXPECT_EQ(control({"halt", "a"}).exit_code, 2);
  ASSERT_TRUE(meta.assign({{"a", "3"}}));
  EXPECT_HAS(meta.log(), "the resume of a 2 by hand is over: the agent's entry in the config has changed");
}

TEST_F(MetaOperator, HaltIsRefusedFromOtherClients) {
  EXPECT_EQ(http(meta.port(), "POST", "/rollout/halt?agent=a&version=1").status, 403);
  EXPECT_EQ(http(meta.port(), "GET", "/rollout/halt?agent=a&version=1").status, 405);
}

TEST_F(MetaOperator, WatchDrawsInATerminalAndWritesLinesToAPipe) {
  for (int i = 0; i < 4; ++i) beat("h" + std::to_string(i), i == 0 ? "2" : "1");
  const auto watch = [&](std::vector<std::string> command, const std::string& expected) {
    const std::string file = meta / "watch.out";
    write_file(file, "");
    command.insert(command.begin(), {"timeout", "60"});  // passes the SIGTERM of stop() on
    Process process(command, meta.folder(), file);
    EXPECT_TRUE(eventually([&] { return contains(read_file(file), expected); })) << read_file(file);
    process.stop();
    return read_file(file);
  };
  const std::string lines = watch({"./control", "watch"}, "\na 1  runs on 3 of 4 hosts; ");
  EXPECT_HAS(lines, "4 hosts, ");
  EXPECT_EQ(lines.find('\x1B'), std::string::npos);
  const std::string picture =
      watch({"script", "-qec", "./control watch", "/dev/null"}, "a 1  [######################........] 75 %");
  EXPECT_HAS(picture, "\x1B[");
  EXPECT_EQ(meta.process().stop(), 0);
  const Finished gone = control({"watch"});
  EXPECT_EQ(gone.exit_code, 1);
  EXPECT_HAS(gone.output, "ops-meta is not running");
}

TEST_F(MetaOperator, WatchBreaksLinesBetweenWords) {
  ASSERT_TRUE(meta.assign({{"a", "2"}}));
  for (int i = 0; i < 1000; ++i) beat("host" + std::to_string(i), i < 500 ? "2" : "1");
  Terminal terminal({"./control", "watch"}, meta.folder(), 80, 24);
  ASSERT_TRUE(terminal.shows("updating")) << terminal.output();
  ASSERT_TRUE(terminal.shows("\x1B[J")) << terminal.output();
  std::istringstream lines(terminal.output().substr(0, terminal.output().find("\x1B[J")));
  bool is_folded = false;
  for (std::string line; std::getline(lines, line);) {
    for (const char* code : {"\x1B[2J", "\x1B[H", "\x1B[K", "\r"}) {
      if (const size_t at = line.find(code); at != std::string::npos) line.erase(at, std::strlen(code));
    }
    EXPECT_LE(line.size(), 80u) << line;
    is_folded = is_folded || line.starts_with("      ");
  }
  EXPECT_TRUE(is_folded) << terminal.output();

  Terminal low({"./control", "watch"}, meta.folder(), 40, 4);
  ASSERT_TRUE(low.shows("\x1B[J")) << low.output();
  EXPECT_HAS(low.output(), "…") << "a terminal of 4 lines shows the first ones";
}

TEST_F(MetaOperator, WatchGoesOnWhileOpsMetaRestarts) {
  Terminal terminal({"./control", "watch"}, meta.folder());
  ASSERT_TRUE(terminal.shows("0 hosts, 0 heartbeats/s")) << terminal.output();
  EXPECT_EQ(meta.process().stop(), 0);
  ASSERT_TRUE(terminal.shows("ops-meta is not running")) << terminal.output();
  ASSERT_TRUE(meta.Box::start()) << meta.log();
  beat("h1", "1");
  EXPECT_TRUE(terminal.shows("1 host, ")) << terminal.output();
}

}  // namespace
}  // namespace ops::tests
