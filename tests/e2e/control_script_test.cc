// The verbs of ./control on a host, with real daemons.

#include <signal.h>
#include <unistd.h>

#include <filesystem>

#include "common/base/version.h"
#include "tests/e2e/control_fixture.h"
#include "tests/support/original_config.h"

namespace ops::tests {
namespace {

namespace fs = std::filesystem;

TEST_F(Control, StartsAndStopsTheDaemonBesideIt) {
  expect("status", 3, "stoped\n");
  expect("pid", 1, "ops-meta is not running\n");
  expect("stop", 0, "ops-meta is not running\n");

  const pid_t pid = start();
  EXPECT_EQ(get(box.port(), "/health").body, "ok") << "start returned before the daemon serves";
  EXPECT_EQ(::getsid(pid), pid) << "the daemon is in the session of the terminal and would end with it";
  expect("status", 0, "started\n");
  expect("pid", 0, std::to_string(pid) + "\n");
  expect("start", 0, "ops-meta is already running, pid " + std::to_string(pid) + "\n");
  EXPECT_EQ(beside.pid(), pid);

  expect("stop", 0, "ops-meta stopped\n");
  EXPECT_FALSE(is_alive(pid)) << "stop returned before the daemon exited";
  expect("status", 3, "stoped\n");
  expect("stop", 0, "ops-meta is not running\n");
}

TEST_F(Control, RestartsTheDaemon) {
  const std::string without = control("restart").output;
  EXPECT_TRUE(without.starts_with("There is no plan of the changes, because ops-meta is not running.")) << without;
  EXPECT_TRUE(contains(without, "\nops-meta is not running\nops-meta started, pid ")) << without;
  const pid_t first = beside.pid();
  const std::string with = control("restart").output;
  EXPECT_TRUE(
      contains(with, "\n0 hosts are known. The new config changes nothing on them.\nops-meta stopped\nops-meta started, pid "))
      << with;
  EXPECT_FALSE(is_alive(first));
  EXPECT_GT(beside.pid(), 0);
}

TEST_F(Control, StartsTheDaemonAgainAfterItWasKilled) {
  const pid_t pid = start();
  send_signal(pid, SIGKILL);
  EXPECT_TRUE(eventually([&] { return control("status").output == "stoped\n"; }));
  EXPECT_NE(start(), pid);
}

TEST_F(Control, WorksFromAnyFolder) {
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
      run({"bash", "-c", "exec 5> >(cat); said=$(./control start 2>&1); echo \"[$said]\"; exec 5>&-; wait"}, box.folder());
  EXPECT_EQ(finished.exit_code, 0) << "the shell waits for a pipe that the daemon holds open";
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
  for (const std::string verb :
       {"start", "stop", "restart", "status", "pid",  "reload", "check", "tail", "version", "publish", "plan",
        "apply", "wait", "explain", "watch",  "halt", "resume", "try",   "hold", "unhold",  "retry"}) {
    const Finished finished = box.run_control({verb, "--help"});
    EXPECT_EQ(finished.exit_code, 0) << verb;
    EXPECT_TRUE(finished.output.starts_with("usage: ./control VERB [WORD...]\n\n  " + verb)) << finished.output;
    EXPECT_EQ(box.run_control({"help", verb}).output, finished.output) << verb;
  }
  EXPECT_EQ(box.run_control({"strat", "--help"}).exit_code, 2);
  EXPECT_FALSE(exists(box / "var/app.pid")) << "--help started the daemon";
}

TEST_F(Control, RefusesWordsThatAVerbDoesNotTake) {
  for (const std::string verb : {"start", "stop", "restart", "status", "pid", "reload", "check", "tail", "version", "watch"}) {
    const Finished finished = box.run_control({verb, "nwo"});
    EXPECT_EQ(finished.exit_code, 2) << verb;
    EXPECT_EQ(finished.output, verb + " does not take \"nwo\"; see ./control " + verb + " --help\n");
  }
  for (const std::vector<std::string>& words : std::vector<std::vector<std::string>>{{"status", "-v", "x"},
                                                                                     {"check", "--fecth"},
                                                                                     {"plan", "a", "b"},
                                                                                     {"apply"},
                                                                                     {"apply", "a", "b"},
                                                                                     {"reload", "--yes", "x"},
                                                                                     {"wait"},
                                                                                     {"wait", "a", "1", "x"},
                                                                                     {"wait", "a", "--timeout", "soon"},
                                                                                     {"wait", "a", "--hosts", "0%"},
                                                                                     {"explain", "a", "b"},
                                                                                     {"halt", "a", "1", "x"},
                                                                                     {"resume", "a"},
                                                                                     {"publish", "a", "1", "f", "-x"},
                                                                                     {"hold", "a"},
                                                                                     {"try", "f"}}) {
    EXPECT_EQ(box.run_control(words).exit_code, 2) << words[0];
  }
}

/// The codes of the table "Exit codes" in a chapter.
std::string exit_codes_of(const std::string& chapter) {
  const std::string text = read_file(OPS_SOURCE_DIR "/" + chapter);
  std::istringstream lines(text.substr(std::min(text.find("**Exit codes**"), text.size())));
  std::string codes;
  for (std::string line; std::getline(lines, line) && !line.starts_with("**Metrics") && !line.starts_with("#");) {
    if (line.size() > 4 && line.starts_with("| ") && line[2] >= '0' && line[2] <= '9') codes += line[2];
  }
  return codes;
}

TEST_F(Control, ExitCodesAreThoseOfTheManual) {
  EXPECT_EQ(exit_codes_of("meta/README.md"), "01234");
  EXPECT_EQ(exit_codes_of("updater/README.md"), "0123");
  const std::string good = read_file(box / "cfg.json");
  EXPECT_EQ(control("status").exit_code, 3);
  EXPECT_EQ(control("pid").exit_code, 1);
  write_file(box / "cfg.json", "{");
  EXPECT_EQ(control("start").exit_code, 1);
  EXPECT_EQ(control("check").exit_code, 2);
  EXPECT_EQ(run({box / "ops-meta", "-c", box / "cfg.json"}).exit_code, 2);
  write_file(box / "cfg.json", good);
  start();
  EXPECT_EQ(control("status").exit_code, 0);
  write_file(box / "cfg.json", "{");
  EXPECT_EQ(control("reload").exit_code, 1);
  write_file(box / "cfg.json", good);
  EXPECT_EQ(box.run_control({"explain", "unknown"}).exit_code, 1);
  EXPECT_EQ(run({box / "ops-meta", "--no-such-flag"}).exit_code, 2);
  EXPECT_EQ(run({box / "ops-meta", "--check-release", "/dev/null"}).exit_code, 1);
}

TEST_F(Control, NamesTheNearestVerbAndFlag) {
  const auto last_line = [&](const std::vector<std::string>& words) {
    const Finished finished = box.run_control(words);
    EXPECT_EQ(finished.exit_code, 2) << words[0];
    const size_t end = finished.output.rfind('\n', finished.output.size() - 2);
    return end == std::string::npos ? finished.output : finished.output.substr(end + 1);
  };
  EXPECT_EQ(last_line({"relaod"}), "unknown verb \"relaod\" (did you mean reload?)\n");
  EXPECT_EQ(last_line({"publsh", "a", "1", "f"}), "unknown verb \"publsh\" (did you mean publish?)\n");
  EXPECT_EQ(last_line({"frobnicate"}), "unknown verb \"frobnicate\"\n");
  EXPECT_EQ(last_line({"strat", "--help"}), "unknown verb \"strat\" (did you mean start?); ./control help lists the verbs\n");
  EXPECT_EQ(last_line({"check", "--fecth"}),
            "check does not take \"--fecth\" (did you mean --fetch?); see ./control check --help\n");
  EXPECT_EQ(last_line({"reload", "--yse"}),
            "reload does not take \"--yse\" (did you mean --yes?); see ./control reload --help\n");
  EXPECT_EQ(last_line({"wait", "a", "--timout", "1s"}),
            "wait does not take \"--timout\" (did you mean --timeout?); see ./control wait --help\n");
  EXPECT_EQ(last_line({"log", "--folow"}),
            "log does not take \"--folow\" (did you mean --follow?); see ./control log --help\n");
  EXPECT_EQ(last_line({"apply", "f", "--force"}), "apply does not take \"--force\"; see ./control apply --help\n");
}

TEST_F(Control, NamesTheFileThatIsMissingForAVerbOfOpsMeta) {
  fs::remove(box / "verbs.sh");
  const Finished finished = control("plan");
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
  EXPECT_FALSE(contains(box.log(), "the old one stays")) << "control signalled the daemon despite the bad config";
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

TEST(ControlOfTheUpdater, HasTheSameVerbs) {
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

TEST(ControlOfTheUpdater, NamesTheFileThatIsMissingForAVerbOfItsOwn) {
  const ControlBox updater("ops-updater");
  const Finished wrong = updater.control("plan");
  EXPECT_EQ(wrong.exit_code, 2);
  EXPECT_EQ(wrong.output, "plan works in the folder of ops-meta, and this is the folder of ops-updater\n");
  fs::create_directory(updater.box / "a");
  EXPECT_EQ(updater.box.run_control({"hold", "a"}).output, "a is held; ./control unhold a ends the hold\n");
  fs::remove(updater.box / "verbs.sh");
  const Finished finished = updater.box.run_control({"unhold", "a"});
  EXPECT_EQ(finished.exit_code, 1);
  EXPECT_TRUE(contains(finished.output, "/verbs.sh is missing, and unhold needs it: unpack ops-updater's tarball here again\n"))
      << finished.output;
}

}  // namespace
}  // namespace ops::tests
