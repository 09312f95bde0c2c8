// The common parts of the daemons, alone and in a real ops-meta.

#include "common/daemon/daemon.h"
#include "common/base/version.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <thread>

#include "tests/support/boxes.h"
#include "tests/support/measure.h"
#include "tests/support/small_disk.h"
#include "tests/support/wait.h"

namespace ops::tests {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

/// The socket on which systemd listens.
class NotifySocket {
 public:
  explicit NotifySocket(const std::string& path) : socket_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    if (path[0] == '@') address.sun_path[0] = '\0';
    const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size());
    EXPECT_EQ(::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&address), size), 0);
  }

  /// The next message; "" after 10 s without a message.
  std::string next() const {
    pollfd entry{socket_.get(), POLLIN, 0};
    char text[256];
    if (::poll(&entry, 1, 10'000) <= 0) return {};
    const ssize_t size = ::recv(socket_.get(), text, sizeof text, 0);
    return size < 0 ? "" : std::string(text, static_cast<size_t>(size));
  }

 private:
  Fd socket_;
};

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

struct PidFileTest : testing::Test {
  std::string content() const { return read_file(path); }

  TempDir folder;
  std::string path = folder / "var/app.pid";
  std::string own_pid = std::to_string(::getpid());
};

TEST_F(PidFileTest, IsBlankUntilTheDaemonServes) {
  write_file(path, "12345678\n");  // of a daemon that has ended
  const auto file = PidFile::lock(path);
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_EQ(content(), "\n");
  ASSERT_TRUE(file->announce_ready());
  EXPECT_EQ(content(), own_pid + "\n");
}

TEST(PidFileOnASmallDisk, IsWrittenAgainWhenOthersFillTheDisk) {
  const SmallDisk disk(1);
  const std::string path = disk / "var/app.pid";
  write_file(path, "12345678\n");  // of a daemon that has ended
  const auto file = PidFile::lock(path);
  ASSERT_TRUE(file) << file.error().message;
  ASSERT_EQ(read_file(path), "\n") << "an empty file would give its block back to the disk";
  // An ordinary user cannot mount a small disk, and must not fill a large one.
  if (disk.is_small()) {
    ASSERT_NE(run({"dd", "if=/dev/zero", "of=" + disk / "fill", "bs=4096"}).exit_code, 0) << "the disk is not full";
  }
  const auto announced = file->announce_ready();
  EXPECT_TRUE(announced) << announced.error().message;
  EXPECT_EQ(read_file(path), std::to_string(::getpid()) + "\n");
}

TEST_F(PidFileTest, IsLockedByOneDaemonAtATime) {
  {
    const auto first = PidFile::lock(path);
    ASSERT_TRUE(first) << "the folder is created as well";
    EXPECT_EQ(PidFile::lock(path).error().message, "runs already, pid not known yet: it is starting (it locks " + path + ")");
    ASSERT_TRUE(first->announce_ready());
    EXPECT_EQ(PidFile::lock(path).error().message, "runs already, pid " + own_pid + " (it locks " + path + ")");
    EXPECT_EQ(content(), own_pid + "\n");
  }
  EXPECT_TRUE(PidFile::lock(path));
}

TEST_F(PidFileTest, WaitsForTheSharedLockOfControlStatus) {
  write_file(path, "");
  Fd shared(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  ASSERT_EQ(::flock(shared.get(), LOCK_SH), 0);
  std::thread reader([&] {
    ::poll(nullptr, 0, 200);
    shared.reset();
  });
  EXPECT_TRUE(PidFile::lock(path));
  reader.join();
}

// A daemon that is killed while it starts a child leaves its lock to the child for an instant.
TEST_F(PidFileTest, WaitsForTheLockThatAKilledDaemonsChildInherited) {
  write_file(path, "0\n");
  Fd inherited(::open(path.c_str(), O_RDWR | O_CLOEXEC));
  ASSERT_EQ(::flock(inherited.get(), LOCK_EX), 0);
  std::thread child([&] {
    ::poll(nullptr, 0, 200);
    inherited.reset();
  });
  EXPECT_TRUE(PidFile::lock(path));
  child.join();
}

TEST_F(PidFileTest, IsLockedByOneDaemonAtATimeEvenWhenVarIsRemoved) {
  {
    const auto first = PidFile::lock(path);
    ASSERT_TRUE(first);
    std::filesystem::remove_all(folder / "var");
    const auto second = PidFile::lock(path);
    ASSERT_FALSE(second);
    EXPECT_TRUE(second.error().message.starts_with("runs already in " + folder.path() + ", but its " + path + " was removed"))
        << second.error().message;
    EXPECT_FALSE(PidFile::lock(path)) << "a second attempt fails, too";
  }
  EXPECT_TRUE(PidFile::lock(path));
}

TEST_F(PidFileTest, RefusesALinkToAnotherFile) {
  write_file(folder / "precious", "kept");
  std::filesystem::create_directories(folder / "var");
  std::filesystem::create_symlink("../precious", path);
  EXPECT_FALSE(PidFile::lock(path));
  EXPECT_EQ(read_file(folder / "precious"), "kept");
}

TEST(NotifySystemd, SendsTheStateToTheSocket) {
  const TempDir folder;
  for (const std::string& path : {folder / "notify", "@ops-test-" + std::to_string(::getpid())}) {
    const NotifySocket systemd(path);
    ::setenv("NOTIFY_SOCKET", path.c_str(), 1);
    notify_systemd("READY=1");
    EXPECT_EQ(systemd.next(), "READY=1") << path;
  }
  for (const std::string& unusable : {std::string("relative"), std::string(200, '/'), folder / "no"}) {
    ::setenv("NOTIFY_SOCKET", unusable.c_str(), 1);
    notify_systemd("READY=1");
  }
  ::unsetenv("NOTIFY_SOCKET");
  notify_systemd("READY=1");
}

// Signals concern the whole process: each of these tests runs in a process of its own.
void expect_event(Signals::Event expected, int signal) {
  EXPECT_EXIT(
      {
        const Signals signals;
        if (signal != 0) ::kill(::getpid(), signal);
        std::exit(signals.wait(seconds(signal == 0 ? 0 : 10)) == expected ? 0 : 1);
      },
      testing::ExitedWithCode(0), "");
}

TEST(Signals, ComeOutAsValues) {
  expect_event(Signals::Event::stop, SIGTERM);
  expect_event(Signals::Event::stop, SIGINT);
  expect_event(Signals::Event::reload, SIGHUP);
  expect_event(Signals::Event::timeout, 0);
}

TEST(Signals, AreWokenByAnyThread) {
  EXPECT_EXIT(
      {
        const Signals signals;
        std::thread([] { Signals::wake(); }).join();
        std::exit(signals.wait(std::nullopt) == Signals::Event::wake ? 0 : 1);
      },
      testing::ExitedWithCode(0), "");
}

struct DaemonFlags : testing::Test {
  Finished meta(std::vector<std::string> flags, const std::string& folder = "") const {
    flags.insert(flags.begin(), box / "ops-meta");
    return run(flags, folder);
  }

  Box box{"ops-meta"};
};

TEST_F(DaemonFlags, PrintVersionAndHelp) {
  EXPECT_EQ(meta({"-v"}).output, build_details("ops-meta"));
  EXPECT_EQ(meta({"--version"}).output, build_details("ops-meta"));
  EXPECT_EQ(meta({"-v"}).exit_code, 0);
  const Finished help = meta({"-h"});
  EXPECT_EQ(help.exit_code, 0);
  for (const std::string words : {"usage: ops-meta", "-c FILE", "-l FILE", "-t ", "-v ", "example: "}) {
    EXPECT_TRUE(contains(help.output, words)) << words << " is not in " << help.output;
  }
}

TEST_F(DaemonFlags, AreRefusedWhenUnknown) {
  for (const std::vector<std::string>& flags :
       {std::vector<std::string>{"-x"}, {"-c"}, {"cfg.json"}, {"--halp"}, {"--try", "x"}}) {
    const Finished finished = meta(flags);
    EXPECT_EQ(finished.exit_code, 2) << flags[0];
    EXPECT_TRUE(contains(finished.output, "-h lists the flags")) << finished.output;
  }
  EXPECT_EQ(list(box.folder()), std::vector<std::string>{"ops-meta"}) << "a refused start leaves nothing behind";
}

TEST_F(DaemonFlags, AreRelativeToTheFolderOfTheCaller) {
  const TempDir caller;
  write_file(caller / "c.json", R"({"http": {"listen": "127.0.0.1:0"}, "agents": []})");
  Process daemon({box / "ops-meta", "-c", "c.json", "-l", "l.log"}, caller.path(), caller / "out");
  EXPECT_TRUE(eventually([&] { return box.daemon_pid() == daemon.pid(); })) << read_file(caller / "out");
  EXPECT_TRUE(contains(read_file(caller / "l.log"), "serves on 127.0.0.1:0"));
  EXPECT_EQ(daemon.stop(), 0);
  EXPECT_EQ(list(caller.path()), (std::vector<std::string>{"c.json", "l.log", "out"}))
      << "every other file is beside the binary";
}

TEST_F(DaemonFlags, LogToStderrByDefault) {
  write_file(box / "cfg.json", R"({"http": {"listen": "127.0.0.1:0"}, "agents": []})");
  Process daemon({box / "ops-meta", "-c", "cfg.json"}, box.folder(), box / "out");
  EXPECT_TRUE(eventually([&] { return contains(read_file(box / "out"), "serves on 127.0.0.1:0"); }));
}

TEST_F(DaemonFlags, FailWhenTheLogCannotBeWritten) {
  write_file(box / "cfg.json", R"({"http": {"listen": "127.0.0.1:0"}, "agents": []})");
  const Finished finished = meta({"-l", "/proc/no/app.log"}, box.folder());
  EXPECT_EQ(finished.exit_code, 1);
  EXPECT_TRUE(contains(finished.output, "cannot log to /proc/no/app.log")) << finished.output;
}

struct RunningDaemon : testing::Test {
  RunningDaemon() { EXPECT_TRUE(box.start({})) << box.log(); }

  /// Replaces the config of the running ops-meta.
  void set_agents(const std::string& agents) {
    write_file(box / "cfg.json", R"({"http": {"listen": "127.0.0.1:0"}, "agents": [)" + agents + "]}");
  }

  MetaBox box;
};

TEST_F(RunningDaemon, RefusesASecondDaemonInTheFolder) {
  const Finished second = run({box / "ops-meta", "-c", box / "cfg.json", "-l", box / "var/second.log"}, box.folder());
  EXPECT_EQ(second.exit_code, 1);
  const std::string words = "runs already, pid " + std::to_string(box.process().pid()) + " (it locks var/app.pid)";
  EXPECT_EQ(second.output, "ops-meta: " + words + "\n");
  EXPECT_EQ(box.get("/health").body, "ok");
}

TEST_F(RunningDaemon, StopsOnEitherSignalDespiteOpenConnections) {
  write_file(box / "tarball/big", std::string(30'000'000, 'x'));
  for (const int signal : {SIGTERM, SIGINT}) {
    const RawConnection silent(box.port());
    const RawConnection download(box.port());
    download.send("GET /big HTTP/1.1\r\nHost: h\r\n\r\n");
    EXPECT_TRUE(download.read_until("\r\n\r\n").starts_with("HTTP/1.1 200 "));
    EXPECT_LT(seconds_of([&] {
                box.process().signal(signal);
                EXPECT_EQ(box.process().wait(), 0);
              }),
              kAtOnce);
    ASSERT_TRUE(box.start({})) << box.log();
  }
}

TEST_F(RunningDaemon, ReloadsOnSighupAndKeepsTheOldConfigWhenTheNewOneIsInvalid) {
  const auto heartbeat = [&] { return http(box.port(), "POST", "/heartbeat", R"({"hostname":"h"})").body; };
  EXPECT_FALSE(contains(heartbeat(), "agent-one"));
  set_agents(R"({"default": {"name": "agent-one", "version": "1"}})");
  box.process().signal(SIGHUP);
  EXPECT_TRUE(eventually([&] { return contains(heartbeat(), "agent-one"); })) << box.log();

  set_agents(R"({"default": {"name": "agent-two", "version": "../x"}})");
  box.process().signal(SIGHUP);
  EXPECT_TRUE(eventually([&] { return contains(box.log(), "the old one stays"); })) << box.log();
  EXPECT_TRUE(contains(box.log(), "agents[0].default.version: version \"../x\" is not of the form")) << box.log();
  EXPECT_TRUE(contains(heartbeat(), "agent-one"));
}

TEST(Daemon, TellsSystemdWhenItIsReadyAndWhenItStops) {
  const TempDir folder;
  const NotifySocket systemd(folder / "notify");
  Box box("ops-meta");
  write_file(box / "cfg.json", R"({"http": {"listen": "127.0.0.1:0"}, "agents": []})");
  ASSERT_TRUE(box.start_under({"env", "NOTIFY_SOCKET=" + (folder / "notify")})) << box.log();
  EXPECT_EQ(systemd.next(), "READY=1");
  EXPECT_EQ(get(box.port(), "/health").body, "ok");
  box.process().signal(SIGTERM);
  EXPECT_EQ(systemd.next(), "STOPPING=1");
  EXPECT_EQ(box.process().wait(), 0);
}

}  // namespace
}  // namespace ops::tests
