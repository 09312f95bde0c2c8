// ./control scripts that follow or break the contract in control_script.h, one fault at a time.

#include "updater/process/control_script.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <optional>
#include <sstream>
#include <thread>

#include "common/protocol/status.h"
#include "tests/support/process.h"
#include "tests/support/temp_dir.h"
#include "tests/support/wait.h"
#include "updater/process/script_note.h"

namespace ops::updater {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Clock = std::chrono::steady_clock;
using tests::eventually;

constexpr milliseconds kLong = seconds(60);
constexpr milliseconds kShort = milliseconds(300);
constexpr milliseconds kSoon = kLong / 2;  // run_control() did not wait for a deadline of kLong

/// An agent's folder with this control in it.
struct ControlScript : testing::Test {
  ~ControlScript() override {
    for (const pid_t pid : written_pids()) tests::send_signal(pid, SIGKILL);
  }

  Result<std::string> run(const std::string& script, milliseconds deadline = kLong, const std::string& verb = "status") const {
    tests::write_file(folder / "control", "#!/bin/bash\n" + script, 0755);
    return run_as_it_is(verb, deadline);
  }

  Result<std::string> run_as_it_is(const std::string& verb = "status", milliseconds deadline = kLong) const {
    auto result = run_control(folder.path(), verb, deadline, {});
    EXPECT_TRUE(tests::children_of(::getpid()).empty()) << "a child is left";
    return result;
  }

  /// The pids that the script wrote to the file `pids`.
  std::vector<pid_t> written_pids() const {
    std::vector<pid_t> pids;
    std::istringstream text(tests::read_file(folder / "pids"));
    for (pid_t pid = 0; text >> pid;) pids.push_back(pid);
    return pids;
  }

  tests::TempDir folder;
};

/// The message of the error, or "no error: " and the output.
std::string message_of(const Result<std::string>& result) { return result ? "no error: " + *result : result.error().message; }

#define EXPECT_HAS(text, part) EXPECT_NE((text).find(part), std::string::npos) << (text)

TEST_F(ControlScript, GetsTheVerbAndReturnsItsTrimmedOutput) {
  const auto result = run("echo; echo \"  $1 and $# \"; echo oops >&2; echo");
  ASSERT_TRUE(result) << message_of(result);
  EXPECT_EQ(*result, "status and 1");
}

// Such lines come from bash (an unknown locale), from the dynamic linker (a library of ld.so.preload that is missing) and from
// programs that the script calls.
TEST_F(ControlScript, PrintsItsStatusToStdoutAlone) {
  EXPECT_EQ(message_of(run("echo 'watchdog: not started, was stopped' >&2; echo started")), "no error: started");
  EXPECT_EQ(message_of(run("printf 'a started, pid '; echo 'ERROR: ld.so: cannot be preloaded: ignored.' >&2; echo 12")),
            "no error: a started, pid 12");
  EXPECT_EQ(message_of(run("echo 'no pid file' >&2; echo stopped; exit 3")), "no error: stopped");
  EXPECT_EQ(message_of(run("echo 'a: command not found' >&2", kLong, "start")), "no error: a: command not found");
}

TEST_F(ControlScript, ThatPrintsItsStatusToStderrGetsAnErrorThatSaysSo) {
  const std::string error = message_of(run("echo warning >&2; echo started >&2"));
  EXPECT_EQ(error, "`./control status` printed nothing to stdout, which must have the status; stderr: warning | started");
  EXPECT_EQ(to_status(error), Status::unclear);
}

TEST_F(ControlScript, MayPrintNothing) { EXPECT_EQ(*run("exit 0"), ""); }

TEST_F(ControlScript, ThatExitsWith1IsAnErrorWithItsLastLines) {
  const std::string error = message_of(run("for i in 1 2 3 4 5 6; do echo line $i >&2; done; echo; exit 1", kLong, "start"));
  EXPECT_EQ(error, "exec `./control start` fail: exit status 1: line 2 | line 3 | line 4 | line 5 | line 6");
}

TEST_F(ControlScript, ThatFailsIsAnErrorWithTheLastLinesOfStderrAndStdout) {
  EXPECT_HAS(message_of(run("echo 'port 80 is taken'; echo 'cannot change locale' >&2; exit 1", kLong, "start")),
             "exec `./control start` fail: exit status 1: cannot change locale; stdout: port 80 is taken");
  EXPECT_HAS(message_of(run("echo waiting; echo 'cannot change locale' >&2; exec sleep 1000", kShort, "stop")),
             "was killed: cannot change locale; stdout: waiting");
}

TEST_F(ControlScript, MayExitWith3WhenItsStatusSaysStopped) {
  EXPECT_EQ(message_of(run("echo a is stopped; exit 3")), "no error: a is stopped");
  EXPECT_EQ(message_of(run("echo started; exit 3")), "exec `./control status` fail: exit status 3: started");
  EXPECT_EQ(message_of(run("exit 3")), "exec `./control status` fail: exit status 3");
  EXPECT_EQ(message_of(run("echo stopped; exit 1")), "exec `./control status` fail: exit status 1: stopped");
  EXPECT_EQ(message_of(run("echo stopped; exit 3", kLong, "stop")), "exec `./control stop` fail: exit status 3: stopped");
}

TEST_F(ControlScript, ThatDiesOfASignalIsAnErrorThatNamesTheSignal) {
  EXPECT_HAS(message_of(run("echo bye; kill -SEGV $$")), "signal 11: bye");
}

TEST_F(ControlScript, ThatHangsIsKilledWithItsChildrenAtTheDeadline) {
  const auto begin = Clock::now();
  const std::string error = message_of(run("echo waiting for godot; sleep 1000 & echo $! $$ >pids; wait", kShort, "stop"));
  EXPECT_GE(Clock::now() - begin, kShort);
  EXPECT_HAS(error, "`./control stop` did not end within 0.3 s and was killed: waiting for godot");
  ASSERT_EQ(written_pids().size(), 2U);
  for (const pid_t pid : written_pids()) EXPECT_TRUE(eventually([&] { return !tests::is_alive(pid); }));
}

TEST_F(ControlScript, ThatIgnoresTermIsKilled) {
  const auto begin = Clock::now();
  const std::string error =
      message_of(run("trap '' TERM INT HUP; sleep 1000 & echo $! $$ >pids; while :; do sleep 1; done", kShort));
  EXPECT_LT(Clock::now() - begin, kSoon);
  EXPECT_HAS(error, "was killed");
  EXPECT_EQ(error.find("still runs"), std::string::npos);
  ASSERT_EQ(written_pids().size(), 2U);
  for (const pid_t pid : written_pids()) EXPECT_TRUE(eventually([&] { return !tests::is_alive(pid); }));
}

TEST_F(ControlScript, IsKilledWithAChildThatIgnoresTerm) {
  EXPECT_HAS(message_of(run("(trap '' TERM; sleep 1000) & echo $! >pids; exec sleep 1000", kShort)), "was killed");
  ASSERT_EQ(written_pids().size(), 1U);
  EXPECT_TRUE(eventually([&] { return !tests::is_alive(written_pids()[0]); }));
}

TEST_F(ControlScript, ThatIsStoppedIsKilledAtTheDeadline) {
  EXPECT_HAS(message_of(run("kill -STOP $$", kShort)), "was killed");
}

TEST_F(ControlScript, ThatPrintsAGigabyteIsReadToItsEndAndCut) {
  const auto result = run("head -c 1000000000 /dev/zero | tr '\\0' x");
  ASSERT_TRUE(result) << message_of(result);
  EXPECT_EQ(result->size(), size_t{64} << 10);
}

TEST_F(ControlScript, ThatPrintsAGigabyteToStderrIsReadToItsEnd) {
  EXPECT_EQ(message_of(run("head -c 1000000000 /dev/zero >&2; echo started")), "no error: started");
}

TEST_F(ControlScript, ThatPrintsForEverIsKilledAtTheDeadline) {
  const auto begin = Clock::now();
  EXPECT_HAS(message_of(run("exec yes", kShort)), "was killed: y");
  EXPECT_LT(Clock::now() - begin, kSoon);
}

TEST_F(ControlScript, EndsWithoutAWaitForAGrandchildThatKeepsStdoutOpen) {
  const auto begin = Clock::now();
  const auto result = run("setsid sleep 1000 & echo $! >pids; echo started");
  EXPECT_LT(Clock::now() - begin, kSoon);
  EXPECT_EQ(message_of(result), "no error: started");
  ASSERT_EQ(written_pids().size(), 1U);
  EXPECT_TRUE(tests::is_alive(written_pids()[0])) << "an agent must run on after start";
}

TEST_F(ControlScript, EndsWithoutAWaitForAGrandchildThatPrintsForEver) {
  const auto begin = Clock::now();
  const auto result = run("setsid yes & echo $! >pids; echo started");
  EXPECT_LT(Clock::now() - begin, kSoon);
  ASSERT_TRUE(result) << message_of(result);
  EXPECT_LE(result->size(), size_t{64} << 10);
}

TEST_F(ControlScript, ThatClosesItsOutputIsStillWaitedFor) {
  EXPECT_EQ(message_of(run("echo started; exec >&- 2>&-; sleep 0.2; touch done")), "no error: started");
  EXPECT_TRUE(tests::exists(folder / "done"));
}

TEST_F(ControlScript, ThatCannotBeRunIsAnErrorWithItsFolderAndReason) {
  const std::string missing = message_of(run_as_it_is("start"));
  EXPECT_HAS(missing, "exec `./control start` in " + folder.path() + " fail: No such file");
  EXPECT_HAS(message_of(run_control(folder / "gone", "start", kLong, {})), "gone fail: No such file");

  tests::write_file(folder / "control", "#!/bin/bash\necho started\n", 0644);
  EXPECT_HAS(message_of(run_as_it_is()), "Permission denied");
  tests::write_file(folder / "control",
                    std::string("\x7f"
                                "ELF\x02\x01\x01\0\xff\xfe garbage",
                                18),
                    0755);
  EXPECT_HAS(message_of(run_as_it_is()), "Exec format error");
  tests::write_file(folder / "control", "echo started\n", 0755);
  EXPECT_HAS(message_of(run_as_it_is()), "Exec format error") << "no #! line";
  tests::write_file(folder / "control", "", 0755);
  EXPECT_HAS(message_of(run_as_it_is()), "Exec format error");
  tests::write_file(folder / "control", "#!/no/such/interpreter\n", 0755);
  EXPECT_HAS(message_of(run_as_it_is()), "No such file");
}

TEST_F(ControlScript, RunsInItsFolderAndItsOwnSession) {
  const auto result = run("pwd; read -r _ _ _ _ group session _ </proc/$$/stat; echo $(( group == $$ )) $(( session == $$ ))");
  EXPECT_EQ(message_of(result), "no error: " + folder.path() + "\n1 1");
}

TEST_F(ControlScript, GetsOnlyThreeFileDescriptorsAndAnEmptyStdin) {
  int leaky[2];  // without close-on-exec, as a library might open them
  ASSERT_EQ(::pipe(leaky), 0);
  const auto result = run("cat; exec ls -l /proc/self/fd");
  ::close(leaky[0]);
  ::close(leaky[1]);
  ASSERT_TRUE(result) << message_of(result);
  std::istringstream lines(*result);
  std::vector<std::string> descriptors;
  for (std::string line; std::getline(lines, line);) {
    const size_t arrow = line.find(" -> ");
    if (arrow != std::string::npos && !line.ends_with("/fd")) descriptors.push_back(line.substr(arrow - 1));  // ls's own
  }
  ASSERT_EQ(descriptors.size(), 3U) << *result;
  EXPECT_EQ(descriptors[0], "0 -> /dev/null");
  EXPECT_TRUE(descriptors[1].starts_with("1 -> pipe:")) << *result;
  EXPECT_TRUE(descriptors[2].starts_with("2 -> pipe:")) << *result;
  EXPECT_NE(descriptors[2].substr(1), descriptors[1].substr(1)) << "stdout and stderr are two pipes";
}

/// Sets variables of this process for the time of its life.
class Environment {
 public:
  explicit Environment(std::vector<std::string> names) : names_(std::move(names)) {
    for (const std::string& name : names_) {
      const char* before = ::getenv(name.c_str());
      before_.push_back(before == nullptr ? std::nullopt : std::optional<std::string>(before));
      ::setenv(name.c_str(), "xx_XX.UTF-8", 1);
    }
  }
  ~Environment() {
    for (size_t i = 0; i < names_.size(); ++i) {
      if (before_[i]) {
        ::setenv(names_[i].c_str(), before_[i]->c_str(), 1);
      } else {
        ::unsetenv(names_[i].c_str());
      }
    }
  }
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;

 private:
  std::vector<std::string> names_;
  std::vector<std::optional<std::string>> before_;
};

TEST_F(ControlScript, GetsNeitherTheLocaleNorTheSystemdVariablesOfTheUpdater) {
  const Environment set({"LC_ALL", "LC_TIME", "LANG", "LANGUAGE", "NOTIFY_SOCKET", "LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES",
                         "WATCHDOG_USEC", "WATCHDOG_PID", "SITE_PROXY", "LISTENER", "LANGS"});
  const auto result = run("exec env | grep xx_XX | sort");
  ASSERT_TRUE(result) << message_of(result);
  EXPECT_EQ(*result, "LANGS=xx_XX.UTF-8\nLISTENER=xx_XX.UTF-8\nSITE_PROXY=xx_XX.UTF-8");
}

TEST_F(ControlScript, HasDefaultSignalsWhateverTheCallerBlocksAndIgnores) {
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  ASSERT_EQ(::pthread_sigmask(SIG_SETMASK, &all, &before), 0);
  const auto pipe_before = ::signal(SIGPIPE, SIG_IGN);
  const auto hup_before = ::signal(SIGHUP, SIG_IGN);
  const auto chld_before = ::signal(SIGTERM, SIG_IGN);
  const auto result = run("exec grep -E 'SigBlk|SigIgn' /proc/self/status");
  ::signal(SIGPIPE, pipe_before);
  ::signal(SIGHUP, hup_before);
  ::signal(SIGTERM, chld_before);
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  ASSERT_TRUE(result) << message_of(result);
  std::istringstream words(*result);
  std::string name;
  std::string mask;
  words >> name >> mask;
  EXPECT_EQ(name + mask, "SigBlk:0000000000000000");
  words >> name >> mask;
  EXPECT_EQ(name, "SigIgn:");
  constexpr unsigned long long kGlibcsOwn = 0x180000000;  // signals 32 and 33, which glibc reserves
  EXPECT_EQ(std::stoull(mask, nullptr, 16) & ~kGlibcsOwn, 0U) << mask;
}

TEST_F(ControlScript, ThatNeedsATerminalGetsAnError) {
  EXPECT_HAS(message_of(run("read -r answer </dev/tty || exit 3")), "exit status 3");
}

TEST_F(ControlScript, MaySpawnAThousandChildren) {
  const auto result = run("for ((i = 0; i < 1000; i++)); do /bin/true & done; wait; echo started");
  EXPECT_EQ(message_of(result), "no error: started");
}

TEST_F(ControlScript, WithAThousandChildrenThatStayIsKilledWithAllOfThem) {
  EXPECT_HAS(message_of(run("for ((i = 0; i < 1000; i++)); do sleep 1000 & echo $! >>pids; done; wait", seconds(2))),
             "was killed");
  EXPECT_GT(written_pids().size(), 20U);
  for (const pid_t pid : written_pids()) ASSERT_TRUE(eventually([&] { return !tests::is_alive(pid); })) << pid;
}

TEST_F(ControlScript, RunsOnWhenTheUpdaterStops) {
  tests::write_file(folder / "control", "#!/bin/bash\necho $$ >pids\nwhile [[ ! -e go-on ]]; do sleep 0.02; done\ntouch done\n",
                    0755);
  std::stop_source stop;
  std::jthread cancels([&] {
    eventually([&] { return !written_pids().empty(); });
    stop.request_stop();
  });
  const std::string error = message_of(run_control(folder.path(), "start", kLong, stop.get_token(), folder / "note"));
  EXPECT_HAS(error, "`./control start` still runs: the updater stops");
  const auto noted = read_script_note(folder / "note");
  ASSERT_TRUE(noted) << "the note is for the next updater";
  EXPECT_EQ(noted->pid, written_pids().at(0));
  EXPECT_TRUE(is_running_script(*noted));
  tests::write_file(folder / "go-on", "");
  EXPECT_TRUE(eventually([&] { return tests::exists(folder / "done"); })) << "it was not killed";
  EXPECT_TRUE(eventually([&] { return tests::children_of(::getpid()).empty(); })) << "it must be reaped";
}

TEST_F(ControlScript, IsNotedWhileItRuns) {
  const std::string path = folder / "note";
  tests::write_file(folder / "control",
                    "#!/bin/bash\nfor ((i = 0; i < 500; i++)); do read -r pid ticks <note; (( pid )) && break; "
                    "sleep 0.02; done\necho $(( pid == $$ ))\n",
                    0755);
  EXPECT_EQ(message_of(run_control(folder.path(), "start", kLong, {}, path)), "no error: 1");
  EXPECT_FALSE(tests::exists(path));
  tests::write_file(folder / "control", "#!/bin/bash\nexec sleep 1000\n", 0755);
  EXPECT_HAS(message_of(run_control(folder.path(), "start", kShort, {}, path)), "was killed");
  EXPECT_FALSE(tests::exists(path));
  EXPECT_FALSE(run_control(folder / "gone", "start", kLong, {}, path));
  EXPECT_FALSE(tests::exists(path)) << "it never ran";
  tests::write_file(folder / "control", "#!/bin/bash\necho yes\n", 0755);
  EXPECT_EQ(message_of(run_control(folder.path(), "start", kLong, {}, folder / "no/such/folder")), "no error: yes");
}

TEST_F(ControlScript, RunsInManyThreadsAtOnce) {
  tests::write_file(folder / "control", "#!/bin/bash\nsleep 0.1\necho $1\n", 0755);
  std::vector<std::jthread> threads;
  std::atomic<int> good = 0;
  for (int i = 0; i < 16; ++i) {
    threads.emplace_back([&, verb = std::to_string(i)] {
      const auto printed = run_control(folder.path(), verb, kLong, {});
      if (printed && *printed == verb) ++good;
    });
  }
  threads.clear();
  EXPECT_EQ(good, 16);
  EXPECT_TRUE(tests::children_of(::getpid()).empty());
}

}  // namespace
}  // namespace ops::updater
