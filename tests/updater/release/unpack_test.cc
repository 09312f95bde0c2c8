// Good tarballs, and faults of the host.

#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "tests/support/process.h"
#include "tests/support/small_disk.h"
#include "tests/updater/release/unpack_fixture.h"

namespace ops::updater {
namespace {

TEST_F(Unpack, UnpacksFilesFoldersAndLinks) {
  const auto error = unpack_bytes(make_tarball({{"./", "", 0755, Kind::folder},
                                                {"./control", "#!/bin/sh\n", 0755, Kind::file},
                                                {"./bin/deep/er/tool", "tool", 0750, Kind::file},
                                                {"etc/", "", 0700, Kind::folder},
                                                {"etc//agent.conf", "conf", 0640, Kind::file},
                                                {"etc/link", "../bin/deep/er/tool", 0777, Kind::symlink},
                                                {"lib", "bin/deep", 0777, Kind::symlink},
                                                {"dangling", "nowhere", 0777, Kind::symlink},
                                                {"hard", "./etc/agent.conf", 0640, Kind::hardlink},
                                                {"empty", "", 0644, Kind::file}}));
  ASSERT_FALSE(error) << error->error.message;
  EXPECT_EQ(tests::list(folder), (std::vector<std::string>{"bin", "control", "dangling", "empty", "etc", "hard", "lib"}));
  EXPECT_EQ(tests::read_file(folder + "/bin/deep/er/tool"), "tool");
  EXPECT_EQ(tests::read_file(folder + "/etc/link"), "tool");
  EXPECT_EQ(tests::read_file(folder + "/lib/er/tool"), "tool");
  EXPECT_EQ(tests::read_file(folder + "/hard"), "conf");
  EXPECT_TRUE(std::filesystem::equivalent(folder + "/hard", folder + "/etc/agent.conf"));
  EXPECT_EQ(mode("control"), 0755U);
  EXPECT_EQ(mode("bin/deep/er/tool"), 0750U);
  EXPECT_EQ(mode("etc"), 0700U);
  EXPECT_EQ(mode("etc/agent.conf"), 0640U);
}

TEST_F(Unpack, UnpacksBothFormatsOfTarAndUnicodeNames) {
  const std::string source = box / "source";
  tests::write_file(source + "/control", "#!/bin/sh\n", 0755);
  tests::write_file(source + "/Grüße/Ω", "omega");
  tests::write_file(source + "/" + std::string(200, 'x') + "/" + std::string(150, 'y'), "long");
  for (const char* format : {"gnu", "pax"}) {
    const auto packed = tests::run({"tar", "-C", source, "--format", format, "-czf", box / "t.tar.gz", "."});
    ASSERT_EQ(packed.exit_code, 0) << packed.output;
    const auto error = unpack_bytes(tests::read_file(box / "t.tar.gz"));
    ASSERT_FALSE(error) << format << ": " << error->error.message;
    EXPECT_EQ(tests::read_file(folder + "/Grüße/Ω"), "omega") << format;
    EXPECT_EQ(tests::read_file(folder + "/" + std::string(200, 'x') + "/" + std::string(150, 'y')), "long") << format;
  }
}

TEST_F(Unpack, KeepsTheLaterOfTwoFilesWithOneName) {
  const auto error = unpack_bytes(make_tarball({{"a", "old", 0644, Kind::file}, kControl, {"a", "new", 0644, Kind::file}}));
  ASSERT_FALSE(error) << error->error.message;
  EXPECT_EQ(tests::read_file(folder + "/a"), "new");
}

TEST_F(Unpack, RemovesSetUidAndWritePermissionsOfOtherUsers) {
  const auto error = unpack_bytes(make_tarball({{"control", "#!/bin/sh\n", 0777, Kind::file},
                                                {"suid", "x", 06755, Kind::file},
                                                {"shared/", "", 01777, Kind::folder},
                                                {"shared/f", "x", 0666, Kind::file},
                                                {"closed/", "", 0000, Kind::folder},
                                                {"closed/f", "x", 0600, Kind::file}}));
  ASSERT_FALSE(error) << error->error.message;
  EXPECT_EQ(mode("control"), 0755U);
  EXPECT_EQ(mode("suid"), 0755U);
  EXPECT_EQ(mode("shared"), 0755U);
  EXPECT_EQ(mode("shared/f"), 0644U);
  EXPECT_EQ(mode("closed"), 0700U) << "without these bits it could not be removed";
  struct stat info = {};
  ASSERT_EQ(::stat((folder + "/suid").c_str(), &info), 0);
  EXPECT_EQ(info.st_uid, ::getuid());
}

TEST_F(Unpack, KeepsModesOnRequestButNotThoseOfControl) {
  limits.preserve = true;
  const auto error = unpack_bytes(make_tarball({{"control", "#!/bin/sh\n", 04777, Kind::file},
                                                {"suid", "x", 06755, Kind::file},
                                                {"shared/", "", 01777, Kind::folder},
                                                {"closed/", "", 0000, Kind::folder}}));
  // The entries belong to root. Only root may give files away.
  if (::geteuid() != 0) {
    ASSERT_TRUE(error);
    EXPECT_EQ(error->fault, ReleaseFault::host) << error->error.message;
    return;
  }
  ASSERT_FALSE(error) << error->error.message;
  EXPECT_EQ(mode("control"), 0755U);
  EXPECT_EQ(mode("suid"), 06755U);
  EXPECT_EQ(mode("shared"), 01777U);
  EXPECT_EQ(mode("closed"), 0700U);
}

TEST_F(Unpack, KeepsOwnersAndCapabilitiesOnRequest) {
  const std::string source = box / "source";
  tests::write_file(source + "/control", "#!/bin/sh\n", 0755);
  for (const char* name : {"known", "unknown", "ping"}) tests::write_file(source + "/" + name, "x", 0755);
  const std::string capabilities("\x01\0\0\x02\0\x04\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 20);  // cap_net_bind_service=ep
  const auto set = [&](const char* name) {
    return ::setxattr((source + "/ping").c_str(), name, capabilities.data(), capabilities.size(), 0);
  };
  if (::geteuid() != 0) {
    EXPECT_EQ(set("security.capability"), -1) << "only root can make such a release";
    return;
  }
  ASSERT_EQ(set("security.capability"), 0) << std::strerror(errno);
  ASSERT_EQ(set("trusted.other"), 0) << std::strerror(errno);
  const auto packed = tests::run({"sh", "-ec",
                                  "x='tar --format pax --xattrs --xattrs-include=*'; "
                                  "$x --owner=daemon:4711 --group=daemon:4711 -cf t known; "
                                  "$x --owner=no-such-user:4712 --group=no-such-group:4713 -rf t unknown; "
                                  "$x --owner=daemon --group=daemon -rf t control ping; gzip t; mv t.gz $0",
                                  box / "t.tar.gz"},
                                 source);
  ASSERT_EQ(packed.exit_code, 0) << packed.output;
  const auto owner = [&](const std::string& name) {
    struct stat info = {};
    EXPECT_EQ(::lstat((folder + "/" + name).c_str(), &info), 0) << name;
    return std::pair(info.st_uid, info.st_gid);
  };
  const auto has = [&](const char* name) { return ::getxattr((folder + "/ping").c_str(), name, nullptr, 0) == 20; };

  const std::string bytes = tests::read_file(box / "t.tar.gz");
  ASSERT_FALSE(unpack_bytes(bytes));
  EXPECT_EQ(owner("known"), std::pair(0U, 0U));
  EXPECT_FALSE(has("security.capability"));

  limits.preserve = true;
  const auto error = unpack_bytes(bytes);
  ASSERT_FALSE(error) << error->error.message;
  EXPECT_EQ(owner("known"), std::pair(1U, 1U)) << "the number of daemon on each Linux, not that of the tarball";
  EXPECT_EQ(owner("unknown"), std::pair(4712U, 4713U));
  EXPECT_EQ(owner("control"), std::pair(0U, 0U)) << "root runs it";
  EXPECT_TRUE(has("security.capability"));
  EXPECT_FALSE(has("trusted.other"));
}

TEST_F(Unpack, UnpacksASparseFileWithItsHoles) {
  const std::string source = box / "source";
  tests::write_file(source + "/control", "#!/bin/sh\n", 0755);
  for (const char* format : {"gnu", "pax"}) {
    const auto packed = tests::run(
        {"sh", "-ec", "truncate -s 1G data; echo end >>data; tar --format $0 -S -czf $1 .", format, box / "t.tar.gz"}, source);
    ASSERT_EQ(packed.exit_code, 0) << packed.output;
    const auto error = unpack_bytes(tests::read_file(box / "t.tar.gz"));
    ASSERT_FALSE(error) << format << ": " << error->error.message;
    struct stat info = {};
    ASSERT_EQ(::stat((folder + "/data").c_str(), &info), 0);
    EXPECT_EQ(info.st_size, (1 << 30) + 4) << format;
    EXPECT_LT(info.st_blocks * 512, 1 << 20) << format;
  }
}

TEST_F(Unpack, ReportsAFullDiskAsTheHostsFault) {
  const tests::SmallDisk disk(2);
  folder = disk / ".staged-1";
  std::string noise;
  for (unsigned i = 0, x = 1; i < 3'000'000; ++i) noise += static_cast<char>((x = x * 1103515245 + 12345) >> 16);
  if (!disk.is_small()) limits.reserve = uint64_t{1} << 60;
  tests::write_file(tarball, make_tarball({kControl, {"noise", noise, 0644, Kind::file}}));
  const auto error = unpack(tarball, folder, limits, {});
  ASSERT_TRUE(error);
  EXPECT_EQ(error->fault, ReleaseFault::host);
  EXPECT_HAS(error->error.message, "not enough disk space: 30");
  EXPECT_HAS(error->error.message, "but the disk of " + folder + " has only ");
  EXPECT_EQ(tests::list(folder), std::vector<std::string>{});
}

TEST_F(Unpack, CountsABlockOfTheDiskForEachFile) {
  const tests::SmallDisk disk(2);
  folder = disk / ".staged-1";
  Entries many{kControl};
  for (int i = 0; i < 1000; ++i) many.push_back({"f" + std::to_string(i), "x", 0644, Kind::file});
  if (!disk.is_small()) limits.reserve = uint64_t{1} << 60;
  tests::write_file(tarball, make_tarball(many));
  const auto error = unpack(tarball, folder, limits, {});
  ASSERT_TRUE(error);
  EXPECT_EQ(error->fault, ReleaseFault::host);
  EXPECT_HAS(error->error.message, "not enough disk space");
}

TEST_F(Unpack, ReportsReadAndWriteErrorsAsTheHostsFault) {
  const auto missing = unpack(box / "gone", folder, limits, {});
  ASSERT_TRUE(missing);
  EXPECT_EQ(missing->fault, ReleaseFault::host);
  EXPECT_HAS(missing->error.message, "gone: No such file");
  const auto no_file = unpack(box.path(), folder, limits, {});
  ASSERT_TRUE(no_file);
  EXPECT_EQ(no_file->fault, ReleaseFault::host) << no_file->error.message;
  tests::write_file(tarball, make_tarball({kControl}));
  const auto below_a_file = unpack(tarball, tarball + "/x", limits, {});
  ASSERT_TRUE(below_a_file);
  EXPECT_EQ(below_a_file->fault, ReleaseFault::host) << below_a_file->error.message;
}

TEST_F(Unpack, StopsWhenCancelled) {
  std::stop_source stop;
  stop.request_stop();
  tests::write_file(tarball, make_tarball({kControl}));
  const auto error = unpack(tarball, folder, limits, stop.get_token());
  ASSERT_TRUE(error);
  EXPECT_EQ(error->fault, ReleaseFault::host);
  EXPECT_HAS(error->error.message, "cancelled");
}

}  // namespace
}  // namespace ops::updater
