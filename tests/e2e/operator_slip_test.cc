// An operator's slips in cfg.json, with a real ops-meta: ./control reload, restart and apply print the effect on hosts, and ask
// or refuse. A SIGHUP and /config/reload apply the change, with a warning.

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "common/protocol/heartbeat.h"
#include "tests/support/boxes.h"
#include "tests/support/terminal.h"
#include "tests/support/text.h"
#include "tests/support/wait.h"

namespace ops::tests {
namespace {

namespace fs = std::filesystem;

#define EXPECT_HAS(text, part) EXPECT_NE((text).find(part), std::string::npos) << part << " is not in " << (text)

constexpr char kSum[] = "0123456789abcdef0123456789abcdef";

/// 20 hosts that run agent `a` 1.1 and agent `b` 1.
struct Slip : testing::Test {
  Slip() {
    meta.add_control();
    EXPECT_TRUE(meta.start({{"a", "1.1"}, {"b", "1"}})) << meta.log();
    for (int i = 0; i < kHosts; ++i) beat("web" + std::to_string(i));
  }

  std::string beat(const std::string& host) const {
    const HeartbeatRequest heartbeat{host, {{"a", "1.1", "started", 1}, {"b", "1", "started", 1}}, {}, "1.0.0", "linux_amd64"};
    return http(meta.port(), "POST", "/heartbeat", to_json(heartbeat)).body;
  }
  void write(const std::string& agents, const std::string& name = "cfg.json") const {
    write_file(meta / name,
               R"({"http": {"listen": "127.0.0.1:)" + std::to_string(meta.port()) + R"("}, "agents": [)" + agents + "]}\n");
  }
  std::string agent(const std::string& name, const std::string& version, const std::string& more = "",
                    const std::string& others = "") const {
    return R"({"default": {"name": ")" + name + R"(", "version": ")" + version + R"(", "tarball": ")" + meta.url("/" + name) +
           R"(", "cmd": "start")" + more + R"(}, "others": [)" + others + "]}";
  }
  nlohmann::json summary() const { return nlohmann::json::parse(meta.get("/status/summary").body); }
  Finished control(const std::vector<std::string>& words) const { return meta.run_control(words); }
  int reloads() const { return static_cast<int>(count_of(meta.log(), "config reloaded: ")); }

  static constexpr int kHosts = 20;
  MetaBox meta;
};

/// A slip, and the words of ops-meta about it.
struct SlipCase {
  std::string name;
  std::string agents;  // A and B stand for the unchanged entries, URL for the tarball URL of `a`
  std::string effect;
  bool is_refused;  // without a terminal
  bool is_warned_of;
};

void PrintTo(const SlipCase& slip, std::ostream* out) { *out << slip.name; }

struct EachSlip : Slip, testing::WithParamInterface<SlipCase> {
  /// Makes the slip in the file.
  void make(const std::string& file = "cfg.json") const {
    std::string text = GetParam().agents;
    const auto put = [&](const std::string& mark, const std::string& entry) {
      if (const size_t at = text.find(mark); at != std::string::npos) text.replace(at, mark.size(), entry);
    };
    put("A", agent("a", "1.1"));
    put("B", agent("b", "1"));
    put("URL", meta.url("/a"));
    write(text, file);
  }
};

TEST_P(EachSlip, IsAskedAboutOnATerminal) {
  const int before = reloads();
  make();
  Terminal no({"./control", "reload"}, meta.folder());
  ASSERT_TRUE(no.shows("Apply? [y/N] ")) << no.output();
  EXPECT_HAS(no.output(), "20 hosts are known. The new config changes 20 of them:");
  EXPECT_HAS(no.output(), GetParam().effect);
  no.type("\n");
  EXPECT_EQ(no.wait(), 3) << no.output();
  EXPECT_HAS(no.output(), "Nothing is applied.");
  EXPECT_EQ(reloads(), before);

  Terminal yes({"./control", "reload"}, meta.folder());
  ASSERT_TRUE(yes.shows("Apply? [y/N] ")) << yes.output();
  yes.type("y\n");
  EXPECT_EQ(yes.wait(), 0) << yes.output();
  EXPECT_EQ(reloads(), before + 1);
}

TEST_P(EachSlip, IsRefusedWithoutATerminalIfHostsLoseAnAgent) {
  const int before = reloads();
  make();
  for (const std::string verb : {"reload", "restart"}) {
    const Finished finished = control({verb});
    EXPECT_EQ(finished.exit_code, GetParam().is_refused ? 3 : 0) << finished.output;
    if (!GetParam().is_refused) return;
    EXPECT_HAS(finished.output, GetParam().effect);
    EXPECT_HAS(finished.output, " on 20 of 20 hosts. If you mean it, run: ./control " + verb + " --yes\n");
  }
  EXPECT_EQ(reloads(), before);
  make("new.json");
  EXPECT_EQ(control({"apply", "new.json"}).exit_code, 3);
  const Finished forced = control({"reload", "--yes"});
  EXPECT_EQ(forced.exit_code, 0) << forced.output;
  EXPECT_EQ(reloads(), before + 1);
}

TEST_P(EachSlip, IsWarnedOfAfterASignalOverHttpAndAfterARestart) {
  const std::string warning = GetParam().effect;
  const auto expect_notice = [&] {
    EXPECT_TRUE(eventually([&] { return summary().contains("change") == GetParam().is_warned_of; })) << meta.log();
    if (!GetParam().is_warned_of) return;
    EXPECT_HAS(summary().at("change").at("effects").dump(), warning);
    EXPECT_HAS(meta.get("/status/summary?format=text").body, warning);
    EXPECT_HAS(meta.log(), warning);
  };
  make();
  const int before = reloads();
  meta.process().signal(SIGHUP);
  ASSERT_TRUE(eventually([&] { return reloads() > before; })) << meta.log();
  expect_notice();

  ASSERT_TRUE(meta.assign({{"a", "1.1"}, {"b", "1"}}));
  EXPECT_TRUE(eventually([&] { return !summary().contains("change"); })) << "the change was taken back";
  make();
  EXPECT_EQ(meta.get("/config/reload").status, 200);
  expect_notice();

  ASSERT_TRUE(meta.assign({{"a", "1.1"}, {"b", "1"}}));
  EXPECT_TRUE(eventually([&] { return !summary().contains("change"); }));
  EXPECT_EQ(meta.process().stop(), 0);
  make();
  ASSERT_TRUE(meta.Box::start()) << meta.log();
  expect_notice();
}

INSTANTIATE_TEST_SUITE_P(
    All, EachSlip,
    testing::Values(SlipCase{"Stop", R"({"default": {"name": "a", "version": "1.1", "tarball": "URL", "cmd": "stop"}}, B)",
                             "a stops on 20 hosts, like web0, web1, web10", true, true},
                    SlipCase{"LostEntry", "B", "a is no longer in the config: 20 hosts keep running it", true, true},
                    SlipCase{"LostCmd", R"({"default": {"name": "a", "version": "1.1", "tarball": "URL"}}, B)",
                             "a has an empty cmd: 20 hosts keep running it", true, true},
                    SlipCase{"OlderVersion",
                             R"({"default": {"name": "a", "version": "1.0", "tarball": "URL", "cmd": "start"}}, B)",
                             "a goes back from 1.1 to 1.0 on 20 hosts", true, true},
                    SlipCase{"OtherChecksum",
                             R"({"default": {"name": "a", "version": "1.1", "tarball": "URL", "md5": ")" + std::string(kSum) +
                                 R"(", "cmd": "start"}}, B)",
                             "a 1.1 is replaced by other content (md5) on 20 hosts", false, true},
                    SlipCase{"OtherUrl",
                             R"({"default": {"name": "a", "version": "1.1", "tarball": "http://m/typo", "cmd": "start"}}, B)",
                             "a 1.1 gets another tarball or md5 URL for 20 hosts", false, false},
                    SlipCase{"PrefixOfAllHosts",
                             R"({"default": {"name": "a", "version": "1.1", "tarball": "URL", "cmd": "start"},)"
                             R"( "others": [{"prefix": "", "version": "2.0"}]}, B)",
                             "a changes from 1.1 to 2.0 on 20 hosts", false, false}),
    [](const auto& test) { return test.param.name; });

TEST_F(Slip, OnOneHostNeedsNoAnswer) {
  write(agent("a", "1.1", "", R"({"prefix": "web7", "version": "1.2"})") + "," + agent("b", "1"));
  Terminal terminal({"./control", "reload"}, meta.folder());
  EXPECT_EQ(terminal.wait(), 0) << terminal.output();
  EXPECT_HAS(terminal.output(), "The new config changes 1 of them:\r\n  a changes from 1.1 to 1.2 on 1 host, like web7\r\n");
  EXPECT_EQ(terminal.output().find("Apply?"), std::string::npos);
}

TEST_F(Slip, OnFewHostsIsNotRefused) {
  write(agent("a", "1.1", "", R"({"prefix": "web1", "cmd": "stop"})") + "," + agent("b", "1"));
  EXPECT_HAS(control({"plan"}).output, "stopped");
  const Finished eleven = control({"reload"});  // web1 and web10 to web19
  EXPECT_EQ(eleven.exit_code, 3) << eleven.output;
  write(agent("a", "1.1", "", R"({"prefix": "web10", "cmd": "stop"}, {"prefix": "web11", "cmd": "stop"})") + "," +
        agent("b", "1"));
  EXPECT_EQ(control({"reload"}).exit_code, 0) << "two of 20 hosts are not more than 10";
}

TEST_F(Slip, OfAnUpgradePassesWithoutATerminal) {
  write(agent("a", "1.2") + "," + agent("b", "1"));
  const Finished upgrade = control({"reload"});
  EXPECT_EQ(upgrade.exit_code, 0) << upgrade.output;
  EXPECT_HAS(upgrade.output, "ops-meta has reloaded cfg.json\n");
  EXPECT_HAS(meta.log(), "config reloaded: 2 agents");
  EXPECT_FALSE(summary().contains("change"));
  const Finished again = control({"reload"});
  EXPECT_HAS(again.output, "20 hosts are known. The new config changes nothing on them.\n");
}

TEST_F(Slip, IsNotAppliedIfTheFileChangesAfterTheQuestion) {
  write(agent("b", "1"));
  Terminal terminal({"./control", "reload"}, meta.folder());
  ASSERT_TRUE(terminal.shows("Apply? [y/N] ")) << terminal.output();
  write(R"({"default": {"name": "b", "version": "1", "cmd": "stop"}})");
  terminal.type("y\n");
  EXPECT_EQ(terminal.wait(), 1);
  EXPECT_HAS(terminal.output(), "cfg.json has changed since the question: run ./control reload again");
}

TEST_F(Slip, InSyntaxLeavesOpsMetaRunningAtARestart) {
  const pid_t pid = meta.daemon_pid();
  write("{");
  const Finished finished = control({"restart"});
  EXPECT_EQ(finished.exit_code, 1);
  EXPECT_HAS(finished.output, "ops-meta is not restarted, because it would not start with this config");
  EXPECT_EQ(meta.daemon_pid(), pid);
  EXPECT_TRUE(is_alive(pid));
}

TEST_F(Slip, AtARestartIsAskedAbout) {
  write(agent("b", "1"));
  Terminal terminal({"./control", "restart"}, meta.folder());
  ASSERT_TRUE(terminal.shows("Apply? [y/N] ")) << terminal.output();
  EXPECT_HAS(terminal.output(), "a is no longer in the config: 20 hosts keep running it");
  const pid_t pid = meta.daemon_pid();
  terminal.type("n\n");
  EXPECT_EQ(terminal.wait(), 3) << terminal.output();
  EXPECT_TRUE(is_alive(pid));
}

TEST_F(Slip, DoesNotBlockTheRestartOfAnOpsMetaThatDoesNotAnswer) {
  write(agent("b", "1"));
  write_file(meta / "bin/curl", "#!/bin/sh\nexit 28\n");  // as after --max-time
  fs::permissions(meta / "bin/curl", fs::perms::owner_all);
  const Finished finished =
      run({"env", "PATH=" + meta.folder() + "/bin:" + ::getenv("PATH"), "./control", "restart"}, meta.folder());
  EXPECT_HAS(finished.output, "There is no plan of the changes: ops-meta did not answer on ");
  EXPECT_EQ(finished.exit_code, 0) << finished.output;
  control({"stop"});
}

}  // namespace
}  // namespace ops::tests
