// ./control on a host with a fault: a bad config, a folder that other users may write, a wrong pid file, another process in
// place of the daemon, or several calls at once.

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <sstream>

#include "tests/e2e/control_fixture.h"

namespace ops::tests {
namespace {

namespace fs = std::filesystem;

TEST_F(Control, PrintsTheDaemonsReasonWhenItDoesNotStart) {
  write_file(box / "cfg.json", "{\n  \"http\": 7,\n  \"agents\": []\n}");
  Finished finished = control("start");
  EXPECT_EQ(finished.exit_code, 1);
  EXPECT_EQ(finished.output,
            (box / "cfg.json") + ": error: http: is a number, expected an object in { }\nops-meta did not start\n");

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

TEST_F(Control, StartsNothingInAFolderThatOtherUsersMayWrite) {
  fs::create_directory(box / "var");
  for (const std::string& folder : {box / "var", box.folder()}) {
    const std::string path = fs::canonical(folder);
    fs::permissions(folder, fs::perms::all);
    expect("start", 1, "all users can write to " + path + ": chmod o-w " + path + "\n");
    fs::permissions(folder, fs::perms::owner_all);
    if (::geteuid() != 0) continue;  // only root can change the owner of a folder
    ASSERT_EQ(::chown(folder.c_str(), 65534, 0), 0);
    expect("start", 1,
           path +
               " belongs to user nobody, whose links root would follow there: start ops-meta as user nobody, or chown root " +
               path + "\n");
    ASSERT_EQ(::chown(folder.c_str(), 0, 0), 0);
  }
  EXPECT_FALSE(exists(box / "var/app.out")) << "control wrote a file before it checked the folder";
  start();
}

TEST_F(Control, NeverTakesAnotherProcessForTheDaemon) {
  // After a reboot, another process can have the pid. This one even runs in the same folder.
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

/// A daemon of the Go original: its control wrote the pid file, it holds no lock, and its binary was replaced by ours.
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
    EXPECT_EQ(bare.exit_code, 1) << "systemd starts ops-meta without control";
    EXPECT_TRUE(contains(bare.output, way_out)) << bare.output;

    original.process.kill();
    start();
    expect("stop", 0, "ops-meta stopped\n");
  }
}

TEST_F(Control, IgnoresADaemonOfAnotherFolder) {
  const TempDir elsewhere;
  const Original original(elsewhere.path(), "ops-meta");
  write_file(box / "var/app.pid", std::to_string(original.process.pid()) + "\n");
  expect("stop", 0, "ops-meta is not running\n");
  start();
}

TEST_F(Control, DoesNotHangOnAFifoInPlaceOfThePidFile) {
  fs::create_directory(box / "var");
  ASSERT_EQ(::mkfifo((box / "var/app.pid").c_str(), 0600), 0);
  const Finished finished = control("start");
  EXPECT_EQ(finished.exit_code, 1);
  EXPECT_TRUE(contains(finished.output, "cannot read ") && contains(finished.output, "/var/app.pid: it must be a file"))
      << finished.output;
}

TEST_F(Control, IgnoresAMalformedPidFile) {
  for (const std::string rubbish : {"", "x\n", "-1\n", "0\n", "1; touch evil\n", "99999999999\n"}) {
    write_file(box / "var/app.pid", rubbish);
    expect("status", 3, "stoped\n");
    expect("stop", 0, "ops-meta is not running\n");
  }
  start();
}

TEST_F(Control, StartsOneDaemonWhenStartRunsSeveralTimesAtOnce) {
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
  // While the pid file names a process, status tests the lock that the daemon takes at its start.
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

TEST_F(Control, RefusesAFolderWithoutExactlyOneDaemon) {
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

}  // namespace
}  // namespace ops::tests
