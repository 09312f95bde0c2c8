// ./control wait and ./control apply, as a pipeline of a CI system runs them, with real daemons.

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>

#include "common/protocol/heartbeat.h"
#include "tests/support/boxes.h"
#include "tests/support/tarball.h"
#include "tests/support/text.h"
#include "tests/support/wait.h"

namespace ops::tests {
namespace {

namespace fs = std::filesystem;

#define EXPECT_HAS(text, part) EXPECT_NE((text).find(part), std::string::npos) << part << " is not in " << (text)

constexpr char kCannotStart[] = "#!/bin/sh\n[ $1 = status ] && echo stoped && exit 0\n[ $1 = stop ]\n";

/// One failure halts a release.
constexpr char kStrict[] = R"(, "rollout": {"maxFailures": 1})";

/// A host runs demo-agent 1.0.0.
struct Pipeline : testing::Test {
  Pipeline() {
    meta.add_control();
    meta.publish("demo-agent", "1.0.0", demo_agent_tarball("one"));
    meta.publish("demo-agent", "2.0.0", demo_agent_tarball("two"));
    meta.publish("demo-agent", "bad", make_agent_tarball(kCannotStart));
    EXPECT_TRUE(meta.start({{"demo-agent", "1.0.0"}})) << meta.log();
    box.emplace(meta.address());
    EXPECT_TRUE(host().start()) << host().log();
    EXPECT_TRUE(eventually([&] { return contains(meta.status("demo-agent"), "h1 1.0.0 started"); })) << host().log();
    EXPECT_EQ(control({"wait", "demo-agent", "--timeout", "60s"}).exit_code, 0) << "past its probation";
  }

  Finished control(const std::vector<std::string>& words) const { return meta.run_control(words); }
  /// Writes new.json: cfg.json with this version.
  void write_new(const std::string& version) const {
    std::string text = read_file(meta / "cfg.json");
    const std::string from = "\"1.0.0\"";
    text.replace(text.find(from), from.size(), "\"" + version + "\"");
    write_file(meta / "new.json", text);
  }

  UpdaterBox& host() { return *box; }

  MetaBox meta;
  std::optional<UpdaterBox> box;
};

TEST_F(Pipeline, AppliesAConfigAndWaitsUntilTheRolloutIsDone) {
  write_new("2.0.0");
  const Finished applied = control({"apply", "new.json"});
  EXPECT_EQ(applied.exit_code, 0) << applied.output;
  EXPECT_HAS(applied.output, "1 host is known. The new config changes 1 of them:\n  demo-agent changes from 1.0.0 to 2.0.0");
  EXPECT_HAS(applied.output,
             "The rollout of demo-agent 2.0.0 begins on 1 host; to follow it: ./control wait demo-agent 2.0.0\n");
  EXPECT_EQ(read_file(meta / "cfg.json"), read_file(meta / "new.json"));
  const Finished done = control({"wait", "demo-agent", "2.0.0", "--timeout", "60s"});
  EXPECT_EQ(done.exit_code, 0) << done.output << host().log();
  EXPECT_HAS(done.output, "demo-agent 2.0.0  runs on 1 of 1 host\n");
  EXPECT_EQ(host().version("demo-agent"), "2.0.0");
  EXPECT_EQ(control({"wait", "demo-agent", "--hosts", "95%"}).exit_code, 0) << "all versions that the config names";
}

TEST_F(Pipeline, WaitEndsWithThreeWhenTheRolloutIsHalted) {
  ASSERT_TRUE(meta.assign({{"demo-agent", "bad", "start", "", "", kStrict}}));
  const Finished halted = control({"wait", "demo-agent", "bad", "--timeout", "60s"});
  EXPECT_EQ(halted.exit_code, 3) << halted.output;
  EXPECT_HAS(halted.output, "halted: 1 of 1 host failed");
  EXPECT_HAS(halted.output, "1 x ");
  EXPECT_HAS(halted.output, "(h1)");

  const Finished json = control({"wait", "demo-agent", "bad", "--json"});
  EXPECT_EQ(json.exit_code, 3);
  const auto state = nlohmann::json::parse(json.output);
  EXPECT_EQ(state.at("state"), "halted");
  EXPECT_EQ(state.at("rollouts").at("bad").at("errors").at(0).at("examples").at(0), "h1");
}

TEST_F(Pipeline, WaitEndsWithThreeWhenTheReleaseFailedOnTheOnlyHost) {
  ASSERT_TRUE(meta.assign({{"demo-agent", "bad"}}));  // one failure is not enough to halt it
  const Finished failed = control({"wait", "demo-agent", "bad", "--timeout", "60s"});
  EXPECT_EQ(failed.exit_code, 3) << failed.output;
  EXPECT_HAS(failed.output, "(h1)");
}

TEST_F(Pipeline, WaitEndsWithFourAtTheTimeout) {
  EXPECT_EQ(host().process().stop(), 0);  // so that the rollout does not end
  ASSERT_TRUE(meta.assign({{"demo-agent", "2.0.0"}}));
  const Finished late = control({"wait", "demo-agent", "2.0.0", "--timeout", "1s"});
  EXPECT_EQ(late.exit_code, 4) << late.output;
  EXPECT_HAS(late.output, "demo-agent 2.0.0  runs on 0 of 1 host; 1 wait");
  EXPECT_HAS(late.output, "The rollout is not done after 1 s.\n");
}

TEST_F(Pipeline, WaitGoesOnWhileOpsMetaRestarts) {
  EXPECT_EQ(host().process().stop(), 0);  // so that the rollout does not end
  ASSERT_TRUE(meta.assign({{"demo-agent", "2.0.0"}}));
  Process wait({"./control", "wait", "demo-agent", "2.0.0", "--timeout", "2m"}, meta.folder(), meta / "wait.out");
  const auto said = [&](const std::string& text) {
    return eventually([&] { return contains(read_file(meta / "wait.out"), text); });
  };
  EXPECT_TRUE(said("demo-agent 2.0.0  runs on 0 of 1 host; 1 wait")) << read_file(meta / "wait.out");
  EXPECT_EQ(meta.process().stop(), 0);
  EXPECT_TRUE(said("ops-meta is not running")) << read_file(meta / "wait.out");
  ASSERT_TRUE(meta.Box::start()) << meta.log();
  ASSERT_TRUE(host().start()) << host().log();
  EXPECT_EQ(wait.wait(std::chrono::seconds(120)), 0) << read_file(meta / "wait.out");
}

TEST_F(Pipeline, WaitNamesAnAgentOrVersionThatTheConfigLacks) {
  const Finished agent = control({"wait", "no", "1"});
  EXPECT_EQ(agent.exit_code, 1);
  EXPECT_EQ(agent.output, "cfg.json has no agent \"no\"\n");
  const Finished version = control({"wait", "demo-agent", "9"});
  EXPECT_EQ(version.exit_code, 1);
  EXPECT_EQ(version.output, "cfg.json has no version \"9\" of demo-agent, only 1.0.0\n");
}

TEST_F(Pipeline, ApplyKeepsOwnerAndModeAndFollowsALink) {
  fs::create_directory(meta / "etc");
  fs::rename(meta / "cfg.json", meta / "etc/real.json");
  fs::create_symlink("etc/real.json", meta / "cfg.json");
  ASSERT_EQ(::chmod((meta / "etc/real.json").c_str(), 0640), 0);
  if (::geteuid() == 0) {
    ASSERT_EQ(::chown((meta / "etc/real.json").c_str(), 1, 2), 0);
  }
  struct stat before = {};
  ASSERT_EQ(::stat((meta / "cfg.json").c_str(), &before), 0);
  write_new("2.0.0");
  const Finished applied = control({"apply", "new.json"});
  EXPECT_EQ(applied.exit_code, 0) << applied.output;
  struct stat after = {};
  ASSERT_EQ(::stat((meta / "cfg.json").c_str(), &after), 0);
  EXPECT_TRUE(fs::is_symlink(meta / "cfg.json"));
  EXPECT_NE(after.st_ino, before.st_ino) << "a rename replaces the file";
  EXPECT_EQ(after.st_mode, before.st_mode);
  EXPECT_EQ(after.st_uid, before.st_uid);
  EXPECT_EQ(after.st_gid, before.st_gid);
  EXPECT_EQ(read_file(meta / "etc/real.json"), read_file(meta / "new.json"));
}

TEST_F(Pipeline, ApplyChangesNothingForABadFile) {
  const std::string before = read_file(meta / "cfg.json");
  write_file(meta / "new.json", "{");
  EXPECT_EQ(control({"apply", "new.json"}).exit_code, 1);
  EXPECT_EQ(control({"apply", "missing.json"}).exit_code, 1);
  EXPECT_EQ(read_file(meta / "cfg.json"), before);
  for (const std::string& name : list(meta.folder())) EXPECT_FALSE(name.starts_with("cfg.json.")) << name;
  EXPECT_EQ(meta.process().stop(), 0);
  write_new("2.0.0");
  const Finished down = control({"apply", "new.json"});
  EXPECT_EQ(down.exit_code, 1);
  EXPECT_HAS(down.output, "ops-meta is not running, so there is no plan");
  EXPECT_EQ(read_file(meta / "cfg.json"), before);
}

/// Kills ./control apply with SIGKILL before and after each program that it runs.
TEST_F(Pipeline, ApplyLeavesTheConfigWholeWhenItIsKilled) {
  const std::string before = read_file(meta / "cfg.json");
  write_new("2.0.0");
  const std::string after = read_file(meta / "new.json");
  const std::string path = ::getenv("PATH");
  for (const std::string program : {"md5sum", "mktemp", "cat", "cmp", "curl", "chown", "chmod", "sync", "mv"}) {
    const std::string real = run({"sh", "-c", "command -v " + program}).output;
    const std::string call = real.substr(0, real.find('\n')) + " \"$@\"";
    const std::string kill = "kill -KILL \"$(/bin/cat " + meta.folder() + "/control.pid)\"";
    for (const std::string& script : {kill + "\n" + call, call + "\n" + kill}) {
      write_file(meta / ("bin/" + program), "#!/bin/bash\n" + script + "\n");
      fs::permissions(meta / ("bin/" + program), fs::perms::owner_all);
      const Finished killed = run({"env", "PATH=" + meta.folder() + "/bin:" + path, "bash", "-c",
                                   "echo $$ >control.pid; exec ./control apply new.json --yes"},
                                  meta.folder());
      EXPECT_EQ(killed.exit_code, 128 + SIGKILL) << program << ": " << killed.output;
      const std::string now = read_file(meta / "cfg.json");
      EXPECT_TRUE(now == before || now == after) << program << ": " << now;
      fs::remove_all(meta / "bin");
      const Finished again = control({"apply", "new.json", "--yes"});
      EXPECT_EQ(again.exit_code, 0) << program << ": " << again.output;
      EXPECT_EQ(read_file(meta / "cfg.json"), after);
      for (const std::string& name : list(meta.folder()))
        EXPECT_FALSE(name.starts_with("cfg.json.")) << program << ": " << name;
      write_file(meta / "cfg.json", before);
    }
  }
}

}  // namespace
}  // namespace ops::tests
