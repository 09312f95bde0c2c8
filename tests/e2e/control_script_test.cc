// The box verbs of ./control, beside real daemons.

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "common/base/version.h"
#include "tests/support/boxes.h"
#include "tests/support/original_config.h"
#include "tests/support/wait.h"

namespace ops::tests {
namespace {

namespace fs = std::filesystem;

using std::chrono::seconds;

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

std::string meta_config(const std::string& listen, const std::string& version) {
  return "{\"http\": {\"listen\": \"" + listen + R"("}, "agents": [{"default": {"name": "a", "version": ")" + version +
         "\"}}]}";
}

/// A box with its control, as `pack` makes it. What it started is gone at the end of the test.
struct ControlBox {
  explicit ControlBox(const std::string& binary = "ops-meta") : box(binary) {
    fs::copy_file(std::string(OPS_SOURCE_DIR) + "/control", box / "control");
    write_file(box / "cfg.json", binary == "ops-meta" ? meta_config("127.0.0.1:0", "1")
                                                      : R"({"server": "127.0.0.1:1", "http": {"enabled": false}})");
  }
  ~ControlBox() { control("stop"); }

  Finished control(const std::string& verb) const { return run({"./control", verb}, box.folder(), seconds(30)); }

  pid_t pid() const {
    const Finished finished = control("pid");
    return finished.exit_code == 0 ? std::stoi(finished.output) : -1;
  }

  std::string heartbeat() const { return http(box.port(), "POST", "/heartbeat", R"({"hostname":"h"})").body; }

  Box box;
};

struct Control : testing::Test {
  Finished control(const std::string& verb) const { return beside.control(verb); }

  /// It exits so and says so.
  void expect(const std::string& verb, int exit_code, const std::string& output) const {
    const Finished finished = control(verb);
    EXPECT_EQ(finished.exit_code, exit_code) << verb;
    EXPECT_EQ(finished.output, output) << verb;
  }

  pid_t start() const {
    const Finished finished = control("start");
    const pid_t pid = beside.pid();
    EXPECT_EQ(finished.exit_code, 0);
    EXPECT_EQ(finished.output, "ops-meta started, pid " + std::to_string(pid) + "\n");
    return pid;
  }

  ControlBox beside;
  Box& box = beside.box;
};

TEST_F(Control, StartsAndStopsTheDaemonBesideIt) {
  expect("status", 3, "stoped\n");
  expect("pid", 1, "ops-meta is not running\n");
  expect("stop", 0, "ops-meta is not running\n");

  const pid_t pid = start();
  EXPECT_EQ(get(box.port(), "/health").body, "ok") << "start returned before it serves";
  EXPECT_EQ(::getsid(pid), pid) << "it would die with the terminal";
  expect("status", 0, "started\n");
  expect("pid", 0, std::to_string(pid) + "\n");
  expect("start", 0, "ops-meta is already running, pid " + std::to_string(pid) + "\n");
  EXPECT_EQ(beside.pid(), pid);

  expect("stop", 0, "ops-meta stopped\n");
  EXPECT_FALSE(is_alive(pid)) << "stop returned before it is gone";
  expect("status", 3, "stoped\n");
  expect("stop", 0, "ops-meta is not running\n");
}

TEST_F(Control, RestartsTheDaemon) {
  EXPECT_TRUE(control("restart").output.starts_with("ops-meta is not running\nops-meta started, pid "));
  const pid_t first = beside.pid();
  EXPECT_TRUE(control("restart").output.starts_with("ops-meta stopped\nops-meta started, pid "));
  EXPECT_FALSE(is_alive(first));
  EXPECT_GT(beside.pid(), 0);
}

TEST_F(Control, StartsTheDaemonAgainAfterItWasKilled) {
  const pid_t pid = start();
  send_signal(pid, SIGKILL);
  EXPECT_TRUE(eventually([&] { return control("status").output == "stoped\n"; }));
  EXPECT_NE(start(), pid);
}

TEST_F(Control, IsCalledFromAnyFolder) {
  EXPECT_EQ(run({box / "control", "start"}, "/").exit_code, 0);
  EXPECT_EQ(run({"bash", box / "control", "status"}, "/").output, "started\n");
  expect("status", 0, "started\n");
}

TEST_F(Control, WorksInAFolderWithBlanksInItsName) {
  const std::string folder = box / "a b 'c";
  fs::create_directory(folder);
  for (const std::string name : {"ops-meta", "control", "cfg.json"}) fs::copy_file(box / name, folder + "/" + name);
  EXPECT_TRUE(run({"./control", "start"}, folder).output.starts_with("ops-meta started, pid "));
  EXPECT_EQ(run({"./control", "stop"}, folder).output, "ops-meta stopped\n");
}

TEST_F(Control, LeavesNoPipeOfItsCallerOpen) {
  const Finished finished =
      run({"bash", "-c", "exec 5> >(cat); said=$(./control start 2>&1); echo \"[$said]\"; exec 5>&-; wait"}, box.folder(),
          seconds(20));
  EXPECT_EQ(finished.exit_code, 0) << "somebody waits for a pipe that the daemon holds";
  EXPECT_TRUE(finished.output.starts_with("[ops-meta started, pid ")) << finished.output;
}

TEST_F(Control, PrintsVersionAndUsage) {
  expect("version", 0, build_details("ops-meta"));
  expect("--version", 0, build_details("ops-meta"));
  EXPECT_TRUE(contains(control("help").output, "usage: ./control VERB"));
  const Finished unknown = control("strat");
  EXPECT_EQ(unknown.exit_code, 2);
  EXPECT_TRUE(contains(unknown.output, "usage: ./control VERB"));
}

TEST_F(Control, ExplainsEachVerbWithHelp) {
  for (const std::string verb : {"start", "stop", "restart", "status", "pid", "reload", "check", "tail", "version", "publish",
                                 "plan", "explain", "watch", "halt", "resume", "try", "hold", "unhold", "retry"}) {
    const Finished finished = run({"./control", verb, "--help"}, box.folder());
    EXPECT_EQ(finished.exit_code, 0) << verb;
    EXPECT_TRUE(finished.output.starts_with("usage: ./control VERB [WORD...]\n\n  " + verb)) << finished.output;
    EXPECT_EQ(run({"./control", "help", verb}, box.folder()).output, finished.output) << verb;
  }
  EXPECT_EQ(run({"./control", "strat", "--help"}, box.folder()).exit_code, 2);
  EXPECT_FALSE(exists(box / "var/app.pid")) << "--help started the daemon";
}

TEST_F(Control, RefusesWordsThatAVerbDoesNotTake) {
  fs::copy_file(std::string(OPS_SOURCE_DIR) + "/meta/verbs.sh", box / "verbs.sh");
  for (const std::string verb : {"start", "stop", "restart", "status", "pid", "reload", "check", "tail", "version", "watch"}) {
    const Finished finished = run({"./control", verb, "nwo"}, box.folder());
    EXPECT_EQ(finished.exit_code, 2) << verb;
    EXPECT_EQ(finished.output, verb + " does not take \"nwo\"; see ./control " + verb + " --help\n");
  }
  for (const std::vector<std::string>& words : std::vector<std::vector<std::string>>{{"status", "-v", "x"},
                                                                                     {"check", "--fecth"},
                                                                                     {"plan", "a", "b"},
                                                                                     {"explain", "a", "b"},
                                                                                     {"halt", "a", "1", "x"},
                                                                                     {"resume", "a"},
                                                                                     {"publish", "a", "1", "f", "-x"},
                                                                                     {"hold", "a"},
                                                                                     {"try", "f"}}) {
    std::vector<std::string> command = {"./control"};
    command.insert(command.end(), words.begin(), words.end());
    EXPECT_EQ(run(command, box.folder()).exit_code, 2) << words[0];
  }
}

TEST_F(Control, NamesTheFileThatIsMissingForAVerbOfOpsMeta) {
  const Finished finished = run({"./control", "plan"}, box.folder());
  EXPECT_EQ(finished.exit_code, 1);
  EXPECT_TRUE(contains(finished.output, "/verbs.sh is missing, and plan needs it: unpack ops-meta's tarball here again\n"))
      << finished.output;
}

TEST_F(Control, FollowsTheLog) {
  start();
  Process tail({"./control", "tail"}, box.folder(), box / "tail.out");
  EXPECT_TRUE(eventually([&] { return contains(read_file(box / "tail.out"), "serves on 127.0.0.1:0"); }));
  control("reload");
  EXPECT_TRUE(eventually([&] { return contains(read_file(box / "tail.out"), "config reloaded"); }));
}

TEST_F(Control, ReloadsTheConfigAndRefusesABadOne) {
  expect("reload", 1, "ops-meta is not running\n");
  start();
  write_file(box / "cfg.json", meta_config("127.0.0.1:0", "2"));
  EXPECT_EQ(control("reload").exit_code, 0);
  EXPECT_TRUE(eventually([&] { return contains(beside.heartbeat(), "\"version\":\"2\""); })) << box.log();

  write_file(box / "cfg.json", meta_config("127.0.0.1:0", "../x"));
  const Finished finished = control("reload");
  EXPECT_EQ(finished.exit_code, 1);
  EXPECT_TRUE(contains(finished.output, "cfg.json: error: agents[0].default.version: version \"../x\"")) << finished.output;
  EXPECT_FALSE(contains(box.log(), "the old one stays")) << "it was signalled all the same";
  EXPECT_TRUE(contains(beside.heartbeat(), "\"version\":\"2\""));
}

TEST_F(Control, ChecksTheConfig) {
  EXPECT_EQ(control("check").exit_code, 0);
  EXPECT_TRUE(control("check").output.ends_with("/cfg.json: good\n"));
  for (const std::string& example :
       {read_file(std::string(OPS_SOURCE_DIR) + "/cfg.example.json"), std::string(kOriginalConfig)}) {
    write_file(box / "cfg.json", example);
    EXPECT_EQ(control("check").exit_code, 0) << example;
  }
  write_file(box / "cfg.json", "{");
  EXPECT_EQ(control("check").exit_code, 2);
  EXPECT_TRUE(contains(control("check").output, "cfg.json: error: line 1, column 2: "));
}

TEST_F(Control, SaysInTheDaemonsOwnWordsWhyItDoesNotStart) {
  write_file(box / "cfg.json", "{\n  \"http\": 7,\n  \"agents\": []\n}");
  Finished finished = control("start");
  EXPECT_EQ(finished.exit_code, 1);
  EXPECT_EQ(finished.output,
            (box / "cfg.json") + ": error: http: is a number, should be an object in { }\nops-meta did not start\n");

  write_file(box / "cfg.json", meta_config("192.0.2.1:80", "1"));
  finished = control("start");
  EXPECT_EQ(finished.exit_code, 1);
  EXPECT_TRUE(contains(finished.output, "cannot listen on 192.0.2.1:80: Cannot assign requested address\n")) << finished.output;

  fs::remove(box / "cfg.json");
  for (const std::string verb : {"start", "check"}) {
    expect(verb, 1, "cfg.json is missing: cp cfg.example.json cfg.json and edit it\n");
  }
  expect("status", 3, "stoped\n");
}

TEST_F(Control, StartsNothingWhereOthersMayPutLinks) {
  fs::create_directory(box / "var");
  for (const std::string& folder : {box / "var", box.folder()}) {
    const std::string path = fs::canonical(folder);
    fs::permissions(folder, fs::perms::all);
    expect("start", 1, "all users can write to " + path + ": chmod o-w " + path + "\n");
    fs::permissions(folder, fs::perms::owner_all);
    if (::geteuid() != 0) continue;  // nobody else can give a folder away
    ASSERT_EQ(::chown(folder.c_str(), 65534, 0), 0);
    expect("start", 1,
           path +
               " belongs to user nobody, whose links root would follow there: start ops-meta as user nobody, or chown root " +
               path + "\n");
    ASSERT_EQ(::chown(folder.c_str(), 0, 0), 0);
  }
  EXPECT_FALSE(exists(box / "var/app.out")) << "nothing is written before";
  start();
}

TEST_F(Control, NeverTakesAnotherProcessForTheDaemon) {
  // One like those that a pid is given to after a reboot; in the same folder, which is as near as it can come.
  const Process stranger({"sleep", "1000"}, box.folder(), box / "out");
  write_file(box / "var/app.pid", std::to_string(stranger.pid()) + "\n");
  expect("status", 3, "stoped\n");
  expect("pid", 1, "ops-meta is not running\n");
  expect("stop", 0, "ops-meta is not running\n");
  expect("reload", 1, "ops-meta is not running\n");
  const pid_t pid = start();
  EXPECT_NE(pid, stranger.pid());
  expect("stop", 0, "ops-meta stopped\n");
  EXPECT_TRUE(is_alive(stranger.pid()));
}

/// The original's daemon: its control wrote the pid, nothing is locked, and a pack of ours was unpacked over its binary.
struct Original {
  Original(const std::string& folder, const std::string& name) {
    const std::string binary = folder + "/" + name;
    if (exists(binary)) fs::rename(binary, binary + ".ours");
    fs::copy_file("/bin/sleep", binary);
    process = Process({binary, "1000"}, folder, folder + "/out");
    EXPECT_TRUE(eventually([&] { return fs::read_symlink(proc() + "/exe") == binary; }));
    fs::remove(binary);
    if (exists(binary + ".ours")) fs::rename(binary + ".ours", binary);
    write_file(folder + "/var/app.pid", std::to_string(process.pid()) + "\n");
  }
  std::string proc() const { return "/proc/" + std::to_string(process.pid()); }

  Process process;
};

TEST_F(Control, RefusesToStartBesideADaemonOfTheOriginal) {
  for (const std::string name : {"ops-meta", "ops-meta-https"}) {
    Original original(fs::canonical(box.folder()), name);
    const std::string pid = std::to_string(original.process.pid());
    const std::string way_out = "To replace it: kill " + pid + "; ./control start\n";
    for (const std::string verb : {"start", "stop", "restart"}) {
      const Finished finished = control(verb);
      EXPECT_EQ(finished.exit_code, 1) << verb;
      EXPECT_TRUE(contains(finished.output, "pid " + pid + ", runs in this folder") ||
                  contains(finished.output, "not stopped: pid " + pid + " runs in this folder"))
          << finished.output;
      EXPECT_TRUE(contains(finished.output, way_out)) << finished.output;
    }
    expect("status", 3, "stoped\npid " + pid + " runs in this folder but does not lock var/app.pid, like the Go original\n");
    EXPECT_TRUE(is_alive(original.process.pid()));
    const Finished bare = run({box / "ops-meta", "-c", box / "cfg.json"}, "/");
    EXPECT_EQ(bare.exit_code, 1) << "systemd starts it without control";
    EXPECT_TRUE(contains(bare.output, way_out)) << bare.output;

    original.process.kill();
    start();
    expect("stop", 0, "ops-meta stopped\n");
  }
}

TEST_F(Control, TakesADaemonOfAnotherFolderForNone) {
  const TempDir elsewhere;
  const Original original(elsewhere.path(), "ops-meta");
  write_file(box / "var/app.pid", std::to_string(original.process.pid()) + "\n");
  expect("stop", 0, "ops-meta is not running\n");
  start();
}

TEST_F(Control, WaitsForNoFifoInPlaceOfThePidFile) {
  fs::create_directory(box / "var");
  ASSERT_EQ(::mkfifo((box / "var/app.pid").c_str(), 0600), 0);
  const Finished finished = control("start");
  EXPECT_EQ(finished.exit_code, 1);
  EXPECT_TRUE(contains(finished.output, "cannot read ") && contains(finished.output, "/var/app.pid: it must be a file"))
      << finished.output;
}

TEST_F(Control, MakesNothingOfRubbishInThePidFile) {
  for (const std::string rubbish : {"", "x\n", "-1\n", "0\n", "1; touch evil\n", "99999999999\n"}) {
    write_file(box / "var/app.pid", rubbish);
    expect("status", 3, "stoped\n");
    expect("stop", 0, "ops-meta is not running\n");
  }
  start();
}

TEST_F(Control, StartsOneDaemonHoweverOftenItIsToldAtOnce) {
  const Finished finished = run({"bash", "-c", "for i in 1 2 3 4; do ./control start & done; wait"}, box.folder());
  const std::string pid = std::to_string(beside.pid());
  size_t started = 0;
  size_t running = 0;
  std::istringstream lines(finished.output);
  for (std::string line; std::getline(lines, line);) {
    started += line == "ops-meta started, pid " + pid ? 1 : 0;
    running += line == "ops-meta is already running, pid " + pid ? 1 : 0;
  }
  EXPECT_EQ(started, 1u) << finished.output;
  EXPECT_EQ(running, 3u) << finished.output;
}

TEST_F(Control, StatusNeverBreaksAStart) {
  // While the file names a process, however wrongly, status has to look at the lock that the daemon wants.
  const Process stranger({"sleep", "1000"}, "", box / "out");
  write_file(box / "var/app.pid", std::to_string(stranger.pid()) + "\n");
  const std::string loop =
      "while [[ ! -e enough ]]; do ./control status || [[ $? == 3 ]] || echo broken; done | sort | uniq -c";
  std::vector<Process> asking;
  for (int i = 0; i < 12; ++i) asking.emplace_back(std::vector<std::string>{"bash", "-c", loop}, box.folder(), box / "asked");
  for (int i = 0; i < 2; ++i) {
    start();
    expect("stop", 0, "ops-meta stopped\n");
    write_file(box / "var/app.pid", std::to_string(stranger.pid()) + "\n");
  }
  write_file(box / "enough", "");
  for (Process& process : asking) EXPECT_EQ(process.wait(), 0);
  const std::string asked = read_file(box / "asked");
  EXPECT_TRUE(contains(asked, "stoped") && contains(asked, "started") && !contains(asked, "broken")) << asked;
}

TEST_F(Control, WantsOneDaemonBesideIt) {
  write_file(box / "ops-updater", "", 0755);
  for (const std::string verb : {"start", "status", "stop"}) {
    expect(verb, 2, "this folder contains both ops-meta and ops-updater; move one of them to its own folder\n");
  }
  fs::remove(box / "ops-updater");
  fs::remove(box / "ops-meta");
  expect("start", 2, "this folder contains neither ops-meta nor ops-updater; unpack one of their tarballs here\n");
  expect("build", 2, "build works in a checkout of the sources only\n");
  fs::copy_file(std::string(OPS_BUILD_DIR) + "/ops-meta", box / "ops-meta");
}

TEST(ControlOfTheUpdater, DoesTheSame) {
  const ControlBox updater("ops-updater");
  EXPECT_EQ(updater.control("status").output, "stoped\n");
  EXPECT_EQ(updater.control("status").exit_code, 3);
  EXPECT_TRUE(updater.control("check").output.ends_with("/cfg.json: good\n"));
  EXPECT_EQ(updater.control("version").output, build_details("ops-updater"));
  const Finished started = updater.control("start");
  EXPECT_TRUE(started.output.starts_with("ops-updater started, pid " + std::to_string(updater.pid()) + "; asks http://"))
      << started.output;
  EXPECT_EQ(updater.control("status").output, "started\n");
  EXPECT_EQ(updater.control("stop").output, "ops-updater stopped\n");
}

}  // namespace
}  // namespace ops::tests
