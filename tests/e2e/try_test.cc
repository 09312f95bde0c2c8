// ops-updater --try: good agents pass, and each broken agent fails at the check for its fault. No process is left, and no
// folder except that of a failed agent.

#include <gtest/gtest.h>
#include <signal.h>

#include <sstream>

#include "tests/support/boxes.h"
#include "tests/support/manual.h"
#include "tests/support/tarball.h"
#include "tests/support/text.h"
#include "tests/support/wait.h"

namespace ops::tests {
namespace {

using std::chrono::seconds;

/// A control that follows the contract, and its agent.
constexpr char kControl[] = R"(#!/bin/bash
echo $$ >>"$PIDS"
alive() { pid=$(cat pid 2>/dev/null) && [[ -n $pid && /proc/$pid/cwd -ef . ]]; }
start() { alive || { setsid ./agent </dev/null >log 2>&1 & echo $! >pid; }; }
stop() { while alive; do kill $pid; sleep 0.02; done; }
status() { if alive; then echo started; else echo stoped; fi; }
$1
)";
constexpr char kAgent[] = "#!/bin/bash\necho $$ >>\"$PIDS\"\nexec sleep 1000\n";
constexpr char kStart[] = "start exits with code 0";  // the name of a check

/// Like the control of the original falcon-agent: start fails if the agent runs, stop fails if it does not.
constexpr char kOriginalControl[] = R"bash(#!/bin/bash
echo $$ >>"$PIDS"
mkdir -p var
running() { pid=$(cat var/app.pid 2>/dev/null) && kill -0 "$pid" 2>/dev/null; }
start() {
    running && echo "agent now is running already, pid=$pid" && return 1
    nohup ./agent &>var/app.log & echo $! >var/app.pid
    echo "agent started..., pid=$!"
}
stop() {
    running || { echo "stop fail ..."; exit 1; }
    kill $pid; rm -f var/app.pid
    echo "agent stoped success..."
}
status() { if running; then echo started; else echo stoped; fi; }
$1
)bash";

/// The good control with one function replaced.
std::string control_with(const std::string& function) {
  std::string control = kControl;
  return control.insert(control.rfind("$1"), function + "\n");
}

struct Try : testing::Test {
  ~Try() override {
    if (!may_keep) {
      EXPECT_EQ(list(scratch.path()), std::vector<std::string>{}) << "the folder is left";
    }
    for (const pid_t pid : pids()) {
      EXPECT_FALSE(is_alive(pid)) << "a process is left";
      if (is_alive(pid)) send_signal(pid, SIGKILL);
    }
  }

  std::vector<std::string> command(const std::string& tarball, const std::string& probation) const {
    const std::string updater = std::string(OPS_BUILD_DIR) + "/ops-updater";
    std::vector<std::string> words = {"env", "TMPDIR=" + scratch.path(), "PIDS=" + box / "pids", updater};
    words.insert(words.end(), {"--try", tarball, "--probation", probation, "--timeout", "3", "--settle", "5"});
    return words;
  }

  Finished try_file(const std::string& tarball) const { return run(command(tarball, "2"), "", seconds(100)); }

  Finished try_bytes(const std::string& tarball) const {
    write_file(box / "an-agent-1.0.tar.gz", tarball);
    return try_file(box / "an-agent-1.0.tar.gz");
  }

  /// The exit code is 0 and no check fails. Returns the output.
  std::string expect_pass(const std::string& tarball) const {
    const Finished finished = try_bytes(tarball);
    EXPECT_EQ(finished.exit_code, 0) << finished.output;
    EXPECT_FALSE(contains(finished.output, "FAIL")) << finished.output;
    return finished.output;
  }

  static void expect_texts(const std::string& output, const std::vector<std::string>& texts) {
    for (const std::string& text : texts) EXPECT_TRUE(contains(output, text)) << "no \"" << text << "\" in:\n" << output;
  }

  /// The first FAIL line names this check, and its reason contains `why`.
  void expect_failure(const std::string& tarball, const std::string& check, const std::string& why) {
    const Finished finished = try_bytes(tarball);
    may_keep = contains(finished.output, "pass  the tarball unpacks");
    EXPECT_EQ(finished.exit_code, 1);
    const size_t failure = finished.output.find("FAIL  ");
    ASSERT_NE(failure, std::string::npos) << finished.output;
    const std::string line = finished.output.substr(failure, finished.output.find('\n', failure) - failure);
    EXPECT_TRUE(line.starts_with("FAIL  " + check + ": ")) << finished.output;
    EXPECT_TRUE(contains(line, why)) << finished.output;
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

  /// The exit code is 0, and exactly these checks have a warning.
  void expect_warnings(const std::string& control, const std::vector<std::string>& warnings) const {
    const std::string output = expect_pass(make_agent_tarball(control, {{"agent", kAgent}}));
    std::vector<std::string> found;
    std::istringstream lines(output);
    for (std::string line; std::getline(lines, line);) {
      if (line.starts_with("warn  ")) found.push_back(line.substr(6));
    }
    EXPECT_EQ(found, warnings) << output;
  }

  TempDir box;
  TempDir scratch;
  bool may_keep = false;
};

TEST_F(Try, PassesAGoodAgent) {
  const std::string output = expect_pass(make_agent_tarball(kControl, {{"agent", kAgent}}));
  EXPECT_TRUE(output.starts_with("Testing an-agent 1.0 in " + scratch.path())) << output;
  EXPECT_GT(pids().size(), 10u) << "the agent was never run";
}

TEST_F(Try, PassesAnAgentThatReadsTheFolderAsAnotherUser) {
  const std::string status =
      "status() { if alive && [[ $(stat -c %A ../..) == ?????????x ]]; then echo started; else echo stoped; fi; }";
  expect_pass(make_agent_tarball(control_with(status), {{"agent", kAgent}}));
}

TEST_F(Try, PassesTheDemoAgent) { expect_pass(demo_agent_tarball()); }

// The program of that example stays in the foreground, like ops-meta.
TEST_F(Try, PassesTheExampleInTheManual) { expect_pass(manual_agent_tarball()); }

TEST_F(Try, PassesNodeExporter) {
  ASSERT_TRUE(exists(OPS_NODE_EXPORTER)) << "./control test fetches it";
  const std::string control = read_file(std::string(OPS_SOURCE_DIR) + "/tests/support/node-exporter/control");
  const std::string arguments = "--web.listen-address=127.0.0.1:" + std::to_string(free_port()) + "\n";
  expect_pass(make_agent_tarball(control, {{"node_exporter", read_file(OPS_NODE_EXPORTER)}, {"arguments", arguments}}));
}

TEST_F(Try, RefusesATarballWithAnotherFormOfName) {
  const Finished finished = try_file(box / "agent.tgz");
  EXPECT_EQ(finished.exit_code, 1);
  EXPECT_TRUE(finished.output.starts_with("FAIL  the tarball's name is NAME-VERSION.tar.gz")) << finished.output;
}

TEST_F(Try, RefusesAnInvalidNumber) {
  const Finished finished = run({std::string(OPS_BUILD_DIR) + "/ops-updater", "--try", "a-1.tar.gz", "--probation", "soon"});
  EXPECT_EQ(finished.exit_code, 2);
  EXPECT_EQ(finished.output, "ops-updater: --probation is \"soon\", expected a number of seconds from 0 to 3600\n");
}

TEST_F(Try, FailsATarballWithoutControlAtItsTop) {
  expect_failure(make_tarball({{"a/control", kControl, 0755, Entry::Kind::file}}),
                 "the tarball unpacks and has an executable control at its top",
                 "control is too deep, at a/control: pack the content of a, not the folder itself");
}

TEST_F(Try, FailsAControlThatCannotBeExecuted) {
  const std::string check = "the tarball unpacks and has an executable control at its top";
  expect_failure_of("#!/no/such/shell\n", check, "control names /no/such/shell, which this machine does not have");
  expect_failure_of("#!/usr/bin/env no-such-shell\n", check, "control names no-such-shell, which this machine does not have");
  expect_failure_of("#!/bin/bash\r\necho\r\n", check, "control has Windows line ends (CRLF)");
}

TEST_F(Try, WarnsOfFilesThatHostsDoNotNeed) {
  const std::string output = expect_pass(make_agent_tarball(kControl, {{"agent", kAgent}, {"._agent", "x"}}));
  EXPECT_TRUE(contains(output, "\nwarn  macOS added files that hosts do not need: ._agent\n")) << output;
}

TEST_F(Try, FailsAStatusThatIsNotAStatusWord) {
  expect_failure_of(control_with("status() { if alive; then echo running; else echo stoped; fi; }"),
                    "status prints started after start", "it prints \"running\"");
}

TEST_F(Try, FailsAStartThatDoesNotEnd) {
  expect_failure_of(control_with("start() { ./agent; }"), kStart, "did not end within 3 s");
}

TEST_F(Try, FailsAStartThatFails) {
  expect_failure_of(control_with("start() { echo no license; exit 3; }"), kStart, "exit status 3: no license");
}

TEST_F(Try, FailsAStartThatKillsTheUpdater) {
  expect_failure_of(control_with("start() { kill -9 $PPID; }"), kStart, "the script killed its parent process, the updater");
}

TEST_F(Try, FailsAnAgentThatDiesDuringProbation) {
  expect_failure(make_agent_tarball(kControl, {{"agent", "#!/bin/bash\nsleep 1\n"}}), "the agent stays started for 2 s",
                 "status prints \"stoped\"");
}

TEST_F(Try, FailsASecondStartThatStartsASecondProcess) {
  expect_failure_of(control_with("start() { setsid ./agent </dev/null >log 2>&1 & echo $! >pid; }"),
                    "a second start changes nothing", "before it, pid ");
}

TEST_F(Try, FailsAnAgentThatDiesWithTheUpdater) {
  const std::string start = "start() { alive || { setsid ./agent $PPID </dev/null >log 2>&1 & echo $! >pid; }; }";
  const std::string agent = "#!/bin/bash\nwhile kill -0 $1; do sleep 0.1; done\n";
  expect_failure(make_agent_tarball(control_with(start), {{"agent", agent}}), "the agent runs on after the updater dies",
                 "status prints \"stoped\"");
}

TEST_F(Try, FailsAnAgentThatKeepsTheUpdatersPipe) {
  expect_failure_of(control_with("start() { alive || { setsid ./agent </dev/null & echo $! >pid; }; }"),
                    "the agent keeps no pipe of the updater open", ") has the output pipe of ./control start as its fd 1");
}

TEST_F(Try, FailsAStatusThatTrustsAPidFile) {
  expect_failure_of(control_with("alive() { pid=$(cat pid 2>/dev/null); }\nstop() { ! alive || { kill $pid; rm pid; }; }"),
                    "after the agent is killed, status prints stoped and start works again", "it prints \"started\"");
}

TEST_F(Try, FailsAStopThatStopsNothing) {
  expect_failure_of(control_with("stop() { :; }"), "stop exits with code 0 and status prints stoped", "it prints \"started\"");
}

TEST_F(Try, FailsAStopThatLeavesAProcess) {
  const std::string agent =
      "#!/bin/bash\n(cd / && exec setsid bash -c 'echo $$ >>\"$PIDS\"; exec sleep 1000') &\nexec sleep 1000\n";
  expect_failure(make_agent_tarball(kControl, {{"agent", agent}}), "stop leaves no process running", "(sleep) still runs");
}

TEST_F(Try, WarnsOfAStopThatFailsWhenTheAgentIsStopped) {
  const std::string why = "exec `./control stop` fail: exit status 1; ignored, because the status is right";
  expect_warnings(control_with("stop() { alive || exit 1; kill $pid; }"), {"a second stop changes nothing: " + why});
}

TEST_F(Try, WarnsOfAStartThatFailsAlthoughTheAgentRuns) {
  const std::string why = ": exec `./control start` fail: exit status 4: odd; ignored, because the status is right";
  expect_warnings(
      control_with(
          "start() { alive || { setsid ./agent </dev/null >log 2>&1 & echo $! >pid; }; sleep 0.1; echo odd; exit 4; }"),
      {kStart + why, "a second start changes nothing" + why,
       "after the agent is killed, status prints stoped and start works again" + why});
}

TEST_F(Try, WarnsOfTheOriginalFalconAgent) {
  const std::string output = expect_pass(make_agent_tarball(kOriginalControl, {{"agent", kAgent}}));
  expect_texts(output, {"warn  a second start changes nothing: exec `./control start` fail: exit status 1: agent now is "
                        "running already, pid=",
                        "warn  a second stop changes nothing: exec `./control stop` fail: exit status 1: stop fail ...",
                        "Passed with warnings: the updater can run this release."});
}

TEST_F(Try, ContinuesAfterAFailureAndKeepsTheFolder) {
  may_keep = true;
  const Finished finished = try_bytes(
      make_agent_tarball(control_with("start() { setsid ./agent </dev/null >log 2>&1 & echo $! >pid; }\nstop() { :; }"),
                         {{"agent", "#!/bin/bash\necho $$ >>\"$PIDS\"\necho no license\nexec sleep 1000\n"}}));
  EXPECT_EQ(finished.exit_code, 1);
  expect_texts(finished.output, {"FAIL  a second start changes nothing: ", "pass  the agent runs on after the updater dies",
                                 "FAIL  stop exits with code 0 and status prints stoped: "});
  ASSERT_EQ(list(scratch.path()).size(), 1u);
  const std::string kept = scratch / list(scratch.path())[0] + "/an-agent/1.0";
  EXPECT_TRUE(contains(finished.output, "The folder is kept, with the agent's logs: " + kept)) << finished.output;
  EXPECT_EQ(read_file(kept + "/log"), "no license\n");
}

TEST_F(Try, ReportsEveryWrongStatusWord) {
  may_keep = true;
  const Finished finished = try_bytes(
      make_agent_tarball(control_with("status() { if alive; then echo up; else echo down; fi; }"), {{"agent", kAgent}}));
  EXPECT_EQ(finished.exit_code, 1);
  expect_texts(finished.output, {"FAIL  status prints stoped before the first start: it prints \"down\"",
                                 "FAIL  status prints started after start: after 5 s it prints \"up\"",
                                 "FAIL  stop exits with code 0 and status prints stoped: after 5 s it prints \"down\""});
}

TEST_F(Try, LeavesNoProcessAndNoFolderWhenInterrupted) {
  for (const int number : {SIGINT, SIGTERM}) {
    write_file(box / "an-agent-1.0.tar.gz", make_agent_tarball(kControl, {{"agent", kAgent}}));
    Process trying(command(box / "an-agent-1.0.tar.gz", "1000"), "", box / "out");
    ASSERT_TRUE(eventually([&] { return contains(read_file(box / "out"), "keeps no pipe"); }));
    trying.signal(number);
    EXPECT_EQ(trying.wait(), 1);
    EXPECT_TRUE(contains(read_file(box / "out"), "Interrupted: not all checks were run.")) << read_file(box / "out");
    write_file(box / "out", "");
  }
}

}  // namespace
}  // namespace ops::tests
