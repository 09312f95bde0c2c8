// File permissions. Other users may not write the daemons' files under any umask, and the updater does not work in a folder
// that other users may write.

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "tests/support/boxes.h"
#include "tests/support/tarball.h"
#include "tests/support/text.h"
#include "tests/support/wait.h"

namespace ops::tests {
namespace {

namespace fs = std::filesystem;

constexpr char kAgent[] = "demo-agent";
const std::vector<std::string> kWithoutUmask = {"sh", "-c", "umask 0; exec \"$@\"", "sh"};

unsigned mode_of(const std::string& path) {
  struct stat info = {};
  EXPECT_EQ(::lstat(path.c_str(), &info), 0) << path;
  return info.st_mode & 07777;
}

void set_mode(const std::string& path, unsigned mode) { EXPECT_EQ(::chmod(path.c_str(), mode), 0) << path; }

/// Expects that group and others have no write permission in the folder and below.
void expect_closed(const std::string& folder) {
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (!entry.is_symlink()) {
      EXPECT_EQ(mode_of(entry.path()) & 022u, 0u) << entry.path();
    }
  }
}

TEST(Permissions, OthersMayNotWriteTheDaemonsFilesUnderAnyUmask) {
  // The test makes its own files with the umask of its user, which may be 002.
  const mode_t users_umask = ::umask(022);
  MetaBox meta;
  meta.publish(kAgent, "1.0", demo_agent_tarball());
  ASSERT_TRUE(meta.start({{kAgent, "1.0"}})) << meta.log();
  EXPECT_EQ(meta.process().stop(), 0);
  fs::remove_all(meta / "var");
  ASSERT_TRUE(meta.start_under(kWithoutUmask)) << meta.log();
  UpdaterBox host(meta.address());
  set_mode(host / "ops-updater", 0755);
  ASSERT_TRUE(host.start_under(kWithoutUmask)) << host.log();
  ASSERT_TRUE(eventually([&] { return contains(meta.status(kAgent), "h1 1.0 started "); })) << host.log();
  EXPECT_TRUE(eventually([&] { return !contains(read_file(host.agent(kAgent) + "/.state"), "trial"); }));
  EXPECT_EQ(meta.process().stop(), 0);
  EXPECT_EQ(host.process().stop(), 0);
  ::umask(users_umask);

  expect_closed(meta / "var");
  expect_closed(host.folder());
  for (const std::string& path : {meta / "var/app.pid", meta / "var/hosts.table", meta / "var/rollouts.json",
                                  host / "var/app.pid", host.agent(kAgent) + "/.state"}) {
    EXPECT_EQ(mode_of(path), 0600u) << path;
  }
}

TEST(Permissions, UpdaterDoesNotStartWhereOthersMayWrite) {
  for (const std::string folder : {"", "var"}) {
    UpdaterBox host("127.0.0.1:1");
    fs::create_directory(host / "var");
    for (const unsigned mode : {0777u, 01777u, 0757u}) {
      set_mode(host / folder, mode);
      EXPECT_FALSE(host.start());
      EXPECT_EQ(host.process().wait(), 1);
      EXPECT_TRUE(contains(host.log(), " is writable by every user: chmod go-w " + host.folder())) << host.log();
    }
    set_mode(host / folder, 0775);
    EXPECT_TRUE(host.start()) << "the updater's own group may write";
  }
}

// The config names the ops-meta that the updater trusts.
TEST(Permissions, UpdaterDoesNotStartWithAConfigThatOthersMayWrite) {
  UpdaterBox host("127.0.0.1:1");
  EXPECT_TRUE(host.start()) << host.log();
  EXPECT_EQ(host.process().stop(), 0);
  set_mode(host / "cfg.json", 0646);
  EXPECT_FALSE(host.start());
  EXPECT_EQ(host.process().wait(), 1);
  EXPECT_TRUE(contains(host.log(), "/cfg.json is writable by every user: chmod go-w " + host.folder())) << host.log();
}

/// The reason why an updater in PARENT/host does not start; "" if it starts. `config` is the argument of its -c.
std::string report_of_updater_below(const std::string& parent, const std::string& config) {
  const std::string host = parent + "/host";
  write_file(host + "/var/app.pid", "");
  if (!exists(host + "/ops-updater")) fs::copy_file(OPS_BUILD_DIR "/ops-updater", host + "/ops-updater");
  write_file(config, R"({"server": "127.0.0.1:1", "http": {"listen": "127.0.0.1:0"}})");
  Process updater({host + "/ops-updater", "-c", config, "-l", host + "/var/app.log"}, "/", host + "/out");
  const auto serves = [&] { return !trimmed(read_file(host + "/var/app.pid")).empty(); };
  EXPECT_TRUE(eventually([&] { return serves() || !updater.is_running(); }));
  return serves() && updater.stop() == 0 ? "" : read_file(host + "/out");
}

// Their owner can put another folder in the place of the updater's.
TEST(Permissions, UpdaterDoesNotStartBelowAFolderThatOthersMayWrite) {
  ASSERT_EQ(::geteuid(), 0U) << "this test needs root: it gives a folder to another user";
  const TempDir top;
  const std::string parent = top / "parent";
  const std::string config = parent + "/host/cfg.json";
  EXPECT_EQ(report_of_updater_below(parent, config), "");
  set_mode(parent, 01777);
  EXPECT_EQ(report_of_updater_below(parent, config), "") << "like /tmp";
  set_mode(parent, 0777);
  EXPECT_TRUE(contains(report_of_updater_below(parent, config), parent + " is writable by every user: chmod go-w " + parent));
  set_mode(parent, 0755);
  EXPECT_EQ(::chown(parent.c_str(), 54321, 0), 0);
  EXPECT_TRUE(contains(report_of_updater_below(parent, config), parent + " belongs to user 54321, and that user can replace "));
  const TempDir safe;
  EXPECT_TRUE(contains(report_of_updater_below(safe.path(), parent + "/cfg.json"), parent + " belongs to user 54321"));
}

TEST(Permissions, UpdaterLeavesAnAgentAloneWhereOthersMayWrite) {
  MetaBox meta;
  meta.publish(kAgent, "1.0", demo_agent_tarball());
  meta.publish(kAgent, "2.0", demo_agent_tarball());
  ASSERT_TRUE(meta.start({{kAgent, "1.0"}})) << meta.log();
  UpdaterBox host(meta.address());
  ASSERT_TRUE(host.start()) << host.log();
  ASSERT_TRUE(eventually([&] { return contains(meta.status(kAgent), "h1 1.0 started "); })) << host.log();
  ASSERT_TRUE(eventually([&] { return !contains(read_file(host.agent(kAgent) + "/.state"), "trial"); }));

  set_mode(host.agent(kAgent), 0777);
  const auto status = [&] { return meta.get("/status/host/h1").body; };
  EXPECT_TRUE(eventually([&] { return contains(status(), "is writable by every user: chmod go-w"); })) << status();
  EXPECT_TRUE(contains(status(), "\"phase\":\"held\"")) << status();
  ASSERT_TRUE(meta.assign({{kAgent, "2.0"}}));
  EXPECT_TRUE(meta.receives_heartbeats(3));
  EXPECT_EQ(host.version(kAgent), "1.0");
  EXPECT_EQ(host.running(kAgent), std::vector<std::string>{"1.0"});

  set_mode(host.agent(kAgent), 0755);
  EXPECT_TRUE(eventually([&] { return contains(meta.status(kAgent), "h1 2.0 started "); })) << host.log();
}

}  // namespace
}  // namespace ops::tests
