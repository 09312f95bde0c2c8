// ops-updater --try: good agents pass, and each broken one fails at its fault. No process is left, and only a failed agent's
// folder.

#include <gtest/gtest.h>
#include <signal.h>

#include <sstream>

#include "tests/support/boxes.h"
#include "tests/support/manual.h"
#include "tests/support/tarball.h"
#include "tests/support/wait.h"

namespace ops::tests {
namespace {

using std::chrono::seconds;

/// A control that does all that it should, and what its agent is.
constexpr char kControl[] = R"(#!/bin/bash
echo $$ >>"$PIDS"
alive() { pid=$(cat pid 2>/dev/null) && [[ -n $pid && /proc/$pid/cwd -ef . ]]; }
start() { alive || { setsid ./agent </dev/null >log 2>&1 & echo $! >pid; }; }
stop() { while alive; do kill $pid; sleep 0.02; done; }
status() { if alive; then echo started; else echo stoped; fi; }
$1
)";
constexpr char kAgent[] = "#!/bin/bash\necho $$ >>\"$PIDS\"\nexec sleep 1000\n";

/// Shaped like the original falcon-agent's control: start fails when the agent runs, stop fails when it does not.
constexpr char kOriginalControl[] = R"bash(#!/bin/bash
echo $$ >>"$PIDS"
mkdir -p var
running() { pid=$(cat var/app.pid 2>/dev/null) && kill -0 "$pid" 2>/dev/null; }
start() {
    running && echo "agent now is running already, pid=$pid" && return 1
    nohup ./agent &>var/app.log &
    echo $! >var/app.pid
    echo "agent started..., pid=$!"
}
stop() {
    running || { echo "stop fail ..."; exit 1; }
    kill $pid
    rm -f var/app.pid
    echo "agent stoped success..."
}
status() { if running; then echo started; else echo stoped; fi; }
$1
)bash";

/// The good control with one function in another way.
std::string control_with(const std::string& function) {
  std::string control = kControl;
  return control.insert(control.rfind("$1"), function + "\n");
}

struct Try : testing::Test {
  ~Try() override {
    if (!may_keep) {
      EXPECT_EQ(list(scratch.path()), std::vector<std::string>{}) << "its folder is left";
    }
    for (const pid_t pid : pids()) {
      EXPECT_FALSE(is_alive(pid)) << "a process is left";
      if (is_alive(pid)) send_signal(pid, SIGKILL);
    }
  }

  std::vector<std::string> command(const std::string& tarball) const {
    return {"env",
            "TMPDIR=" + scratch.path(),
            "PIDS=" + box / "pids",
            std::string(OPS_BUILD_DIR) + "/ops-updater",
            "--try",
            tarball,
            "--probation",
            "2",
            "--timeout",
            "3"};
  }

  Finished try_file(const std::string& tarball) const { return run(command(tarball), "", seconds(100)); }

  Finished try_bytes(const std::string& tarball) const {
    write_file(box / "an-agent-1.0.tar.gz", tarball);
    return try_file(box / "an-agent-1.0.tar.gz");
  }

  /// The first check that fails, and why, holds both texts.
  void expect_failure(const std::string& tarball, const std::string& check, const std::string& why) {
    const Finished finished = try_bytes(tarball);
    may_keep = finished.output.find("pass  it unpacks") != std::string::npos;
    EXPECT_EQ(finished.exit_code, 1);
    const size_t failure = finished.output.find("FAIL  ");
    ASSERT_NE(failure, std::string::npos) << finished.output;
    const std::string line = finished.output.substr(failure, finished.output.find('\n', failure) - failure);
    EXPECT_TRUE(line.starts_with("FAIL  " + check + ": ")) << finished.output;
    EXPECT_NE(line.find(why), std::string::npos) << finished.output;
  }

  void expect_failure_of(const std::string& control, const std::string& check, const std::string& why) {
    expect_failure(make_agent_tarball(control, {{"agent", kAgent}}), check, why);
  }

  std::vector<pid_t> pids() const {
    std::vector<pid_t> pids;
    std::istringstream text(read_file(box / "pids"));
    for (pid_t pid = 0; text >> pid;) pids.push_back(pid);
    return pids;
  }

  /// An updater copes with it: the exit code is 0, and these checks are marked.
  void expect_warnings(const std::string& control, const std::vector<std::string>& warnings) const {
    const Finished finished = try_bytes(make_agent_tarball(control, {{"agent", kAgent}}));
    EXPECT_EQ(finished.exit_code, 0) << finished.output;
    EXPECT_EQ(finished.output.find("FAIL"), std::string::npos) << finished.output;
    std::vector<std::string> found;
    std::istringstream lines(finished.output);
    for (std::string line; std::getline(lines, line);) {
      if (line.starts_with("warn  ")) found.push_back(line.substr(6));
    }
    EXPECT_EQ(found, warnings) << finished.output;
  }

  TempDir box;
  TempDir scratch;
  bool may_keep = false;
};

TEST_F(Try, PassesAGoodAgent) {
  const Finished finished = try_bytes(make_agent_tarball(kControl, {{"agent", kAgent}}));
  EXPECT_EQ(finished.exit_code, 0) << finished.output;
  EXPECT_EQ(finished.output.find("FAIL"), std::string::npos) << finished.output;
  EXPECT_TRUE(finished.output.starts_with("Trying an-agent 1.0, in " + scratch.path())) << finished.output;
  EXPECT_GT(pids().size(), 10u) << "the agent was never run";
}

TEST_F(Try, PassesOneThatRunsAsAnotherUser) {
  const std::string status =
      "status() { if alive && [[ $(stat -c %A ../..) == ?????????x ]]; then echo started; else echo stoped; fi; }";
  const Finished finished = try_bytes(make_agent_tarball(control_with(status), {{"agent", kAgent}}));
  EXPECT_EQ(finished.exit_code, 0) << finished.output;
}

TEST_F(Try, PassesTheDemoAgent) {
  const Finished finished = try_bytes(demo_agent_tarball());
  EXPECT_EQ(finished.exit_code, 0) << finished.output;
}

// Its program is one that stays in the foreground, like ops-meta.
TEST_F(Try, PassesTheExampleInTheManual) {
  const Finished finished = try_bytes(manual_agent_tarball());
  EXPECT_EQ(finished.exit_code, 0) << finished.output;
}

TEST_F(Try, PassesNodeExporter) {
  ASSERT_TRUE(exists(OPS_NODE_EXPORTER)) << "./control test fetches it";
  const std::string control = read_file(std::string(OPS_SOURCE_DIR) + "/tests/support/node-exporter/control");
  const std::string arguments = "--web.listen-address=127.0.0.1:" + std::to_string(free_port()) + "\n";
  const Finished finished =
      try_bytes(make_agent_tarball(control, {{"node_exporter", read_file(OPS_NODE_EXPORTER)}, {"arguments", arguments}}));
  EXPECT_EQ(finished.exit_code, 0) << finished.output;
}

TEST_F(Try, RefusesAFileThatNoUpdaterWouldAskFor) {
  const Finished finished = try_file(box / "agent.tgz");
  EXPECT_EQ(finished.exit_code, 1);
  EXPECT_TRUE(finished.output.starts_with("FAIL  it is named NAME-VERSION.tar.gz")) << finished.output;
}

TEST_F(Try, SaysWhatIsWrongWithItsFlags) {
  const Finished finished = run({std::string(OPS_BUILD_DIR) + "/ops-updater", "--try", "a-1.tar.gz", "--probation", "soon"});
  EXPECT_EQ(finished.exit_code, 2);
  EXPECT_EQ(finished.output, "ops-updater: --probation is \"soon\", should be seconds, 0 to 3600\n");
}

TEST_F(Try, FailsOneWithoutControl) {
  expect_failure(make_tarball({{"a/control", kControl, 0755, Entry::Kind::file}}),
                 "it unpacks, with an executable control at its top",
                 "control lies too deep, at a/control: pack what is in a and not the folder itself");
}

TEST_F(Try, FailsOneWhoseControlCannotBeRun) {
  const std::string check = "it unpacks, with an executable control at its top";
  expect_failure_of("#!/no/such/shell\n", check, "control names /no/such/shell, which this machine does not have");
  expect_failure_of("#!/usr/bin/env no-such-shell\n", check, "control names no-such-shell, which this machine does not have");
  expect_failure_of("#!/bin/bash\r\necho\r\n", check, "control has Windows line ends (CRLF)");
}

TEST_F(Try, WarnsOfWhatThePackerMayNotHaveMeant) {
  const Finished finished = try_bytes(make_agent_tarball(kControl, {{"agent", kAgent}, {"._agent", "x"}}));
  EXPECT_EQ(finished.exit_code, 0) << finished.output;
  EXPECT_NE(finished.output.find("\nwarn  macOS added files that hosts do not need: ._agent\n"), std::string::npos)
      << finished.output;
}

TEST_F(Try, FailsOneWhoseStatusIsNoStatus) {
  expect_failure_of(control_with("status() { if alive; then echo running; else echo stoped; fi; }"),
                    "after it, status says started", "it says \"running\"");
}

TEST_F(Try, FailsOneWhoseStartStaysInTheForeground) {
  expect_failure_of(control_with("start() { ./agent; }"), "start ends well", "did not end within 3 s");
}

TEST_F(Try, FailsOneWhoseStartFails) {
  expect_failure_of(control_with("start() { echo no license; exit 3; }"), "start ends well", "exit status 3: no license");
}

TEST_F(Try, FailsOneThatKillsTheUpdater) {
  expect_failure_of(control_with("start() { kill -9 $PPID; }"), "start ends well", "it killed its parent, the updater");
}

TEST_F(Try, FailsOneThatDiesInItsProbation) {
  expect_failure(make_agent_tarball(kControl, {{"agent", "#!/bin/bash\nsleep 1\n"}}), "it stays started for 2 s",
                 "status says \"stoped\"");
}

TEST_F(Try, FailsOneThatIsStartedTwice) {
  expect_failure_of(control_with("start() { setsid ./agent </dev/null >log 2>&1 & echo $! >pid; }"),
                    "a second start changes nothing", "before it ran pid ");
}

TEST_F(Try, FailsOneThatDiesWithTheUpdater) {
  expect_failure(make_agent_tarball(control_with("start() { alive || { setsid ./agent $PPID </dev/null >log 2>&1 & echo $! "
                                                 ">pid; }; }"),
                                    {{"agent", "#!/bin/bash\nwhile kill -0 $1; do sleep 0.1; done\n"}}),
                 "it outlives the updater", "status says \"stoped\"");
}

TEST_F(Try, FailsOneThatKeepsTheUpdatersPipe) {
  expect_failure_of(control_with("start() { alive || { setsid ./agent </dev/null & echo $! >pid; }; }"),
                    "it holds nothing of the updater's open", ") keeps, as its fd 1, the pipe");
}

TEST_F(Try, FailsOneThatBelievesItsPidFile) {
  expect_failure_of(control_with("alive() { pid=$(cat pid 2>/dev/null); }\nstop() { ! alive || { kill $pid; rm pid; }; }"),
                    "once killed, status says stoped, and it starts again", "it says \"started\"");
}

TEST_F(Try, FailsOneThatDoesNotStop) {
  expect_failure_of(control_with("stop() { :; }"), "stop ends well, and status says stoped", "it says \"started\"");
}

TEST_F(Try, FailsOneThatLeavesAProcessBehind) {
  const std::string agent =
      "#!/bin/bash\n(cd / && exec setsid bash -c 'echo $$ >>\"$PIDS\"; exec sleep 1000') &\nexec sleep 1000\n";
  expect_failure(make_agent_tarball(kControl, {{"agent", agent}}), "stop leaves no process behind", "(sleep) still there");
}

TEST_F(Try, WarnsOfOneWhoseStopWantsItToRun) {
  expect_warnings(control_with("stop() { alive || exit 1; kill $pid; }"),
                  {"a second stop changes nothing: exec `./control stop` fail: exit status 1; an updater goes by the status"});
}

TEST_F(Try, WarnsOfOneThatFailsAtWhatItHasDone) {
  expect_warnings(
      control_with(
          "start() { alive || { setsid ./agent </dev/null >log 2>&1 & echo $! >pid; }; sleep 0.1; echo odd; exit 4; }"),
      {"start ends well: exec `./control start` fail: exit status 4: odd; an updater goes by the status",
       "a second start changes nothing: exec `./control start` fail: exit status 4: odd; an updater goes by the status",
       "once killed, status says stoped, and it starts again: exec `./control start` fail: exit status 4: odd; an updater goes "
       "by "
       "the status"});
}

TEST_F(Try, WarnsOfTheOriginalFalconAgent) {
  const Finished finished = try_bytes(make_agent_tarball(kOriginalControl, {{"agent", kAgent}}));
  EXPECT_EQ(finished.exit_code, 0) << finished.output;
  EXPECT_EQ(finished.output.find("FAIL"), std::string::npos) << finished.output;
  EXPECT_NE(
      finished.output.find("warn  a second start changes nothing: exec `./control start` fail: exit status 1: agent now is "
                           "running already, pid="),
      std::string::npos)
      << finished.output;
  EXPECT_NE(
      finished.output.find("warn  a second stop changes nothing: exec `./control stop` fail: exit status 1: stop fail ..."),
      std::string::npos)
      << finished.output;
  EXPECT_NE(finished.output.find("An updater copes with it"), std::string::npos) << finished.output;
}

TEST_F(Try, GoesOnAfterAFailureAndKeepsTheFolder) {
  may_keep = true;
  const Finished finished = try_bytes(
      make_agent_tarball(control_with("start() { setsid ./agent </dev/null >log 2>&1 & echo $! >pid; }\nstop() { :; }"),
                         {{"agent", "#!/bin/bash\necho $$ >>\"$PIDS\"\necho no license\nexec sleep 1000\n"}}));
  EXPECT_EQ(finished.exit_code, 1);
  EXPECT_NE(finished.output.find("FAIL  a second start changes nothing: "), std::string::npos) << finished.output;
  EXPECT_NE(finished.output.find("pass  it outlives the updater"), std::string::npos) << finished.output;
  EXPECT_NE(finished.output.find("FAIL  stop ends well, and status says stoped: "), std::string::npos) << finished.output;
  ASSERT_EQ(list(scratch.path()).size(), 1u);
  const std::string kept = scratch / list(scratch.path())[0] + "/an-agent/1.0";
  EXPECT_NE(finished.output.find("Its folder is kept, with the logs in it: " + kept), std::string::npos) << finished.output;
  EXPECT_EQ(read_file(kept + "/log"), "no license\n");
}

TEST_F(Try, SaysAllThatIsWrongWithTheWordsOfAStatus) {
  may_keep = true;
  const Finished finished = try_bytes(
      make_agent_tarball(control_with("status() { if alive; then echo up; else echo down; fi; }"), {{"agent", kAgent}}));
  EXPECT_EQ(finished.exit_code, 1);
  EXPECT_NE(finished.output.find("FAIL  before the first start, status says stoped: it says \"down\""), std::string::npos);
  EXPECT_NE(finished.output.find("FAIL  after it, status says started: after 5 s it says \"up\""), std::string::npos);
  EXPECT_NE(finished.output.find("FAIL  stop ends well, and status says stoped: after 5 s it says \"down\""), std::string::npos)
      << finished.output;
}

TEST_F(Try, LeavesNothingWhenItIsInterrupted) {
  for (const int number : {SIGINT, SIGTERM}) {
    write_file(box / "an-agent-1.0.tar.gz", make_agent_tarball(kControl, {{"agent", kAgent}}));
    std::vector<std::string> words = command(box / "an-agent-1.0.tar.gz");
    words[7] = "1000";
    Process trying(words, "", box / "out");
    ASSERT_TRUE(eventually([&] { return read_file(box / "out").find("holds nothing") != std::string::npos; }));
    trying.signal(number);
    EXPECT_EQ(trying.wait(), 1);
    EXPECT_NE(read_file(box / "out").find("It was not tried to the end."), std::string::npos) << read_file(box / "out");
    write_file(box / "out", "");
  }
}

}  // namespace
}  // namespace ops::tests
