#include "updater/release/unpack.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "tests/support/process.h"
#include "tests/support/small_disk.h"
#include "tests/support/tarball.h"
#include "tests/support/temp_dir.h"

namespace ops::updater {
namespace {

using tests::Entry;
using tests::make_tarball;
using Kind = Entry::Kind;
using Entries = std::vector<Entry>;

const Entry kControl{"control", "#!/bin/sh\n", 0755, Kind::file};
constexpr uint64_t kNoReserve = 0;

/// A tarball beside the folder that it is unpacked into.
struct Unpack : testing::Test {
  Unpack() { limits.reserve = kNoReserve; }

  ReleaseOutcome unpack_bytes(const std::string& bytes) {
    std::filesystem::remove_all(folder);
    tests::write_file(tarball, bytes);
    return unpack(tarball, folder, limits, {});
  }

  /// The refusal's message; it must be the release's fault, and nothing may be written inside or outside.
  std::string refusal(const std::string& bytes) {
    const auto error = unpack_bytes(bytes);
    if (!error) return "it was unpacked";
    EXPECT_EQ(error->fault, ReleaseFault::release) << error->error.message;
    EXPECT_EQ(tests::list(box / "place"), Entries_of_place);
    EXPECT_EQ(tests::list(folder), std::vector<std::string>{}) << error->error.message;
    return error->error.message;
  }

  std::string refusal(Entries evil) {
    evil.insert(evil.begin(), kControl);
    return refusal(make_tarball(evil));
  }

  unsigned mode(const std::string& name) const {
    struct stat info = {};
    EXPECT_EQ(::lstat((folder + "/" + name).c_str(), &info), 0) << name;
    return info.st_mode & 07777;
  }

  const std::vector<std::string> Entries_of_place{"release.tar.gz"};
  tests::TempDir box;
  std::string tarball = box / "place/release.tar.gz";
  std::string folder = box / "place/.staged-1";
  UnpackLimits limits;
};

#define EXPECT_HAS(text, part) EXPECT_NE((text).find(part), std::string::npos) << (text)

TEST_F(Unpack, AGoodTarballIsThereAsItWasPacked) {
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

TEST_F(Unpack, TakesWhatTarMakesInBothItsFormatsWithNamesInAnyAlphabet) {
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

TEST_F(Unpack, AFileThatWasPackedTwiceIsTheLaterOne) {
  const auto error = unpack_bytes(make_tarball({{"a", "old", 0644, Kind::file}, kControl, {"a", "new", 0644, Kind::file}}));
  ASSERT_FALSE(error) << error->error.message;
  EXPECT_EQ(tests::read_file(folder + "/a"), "new");
}

TEST_F(Unpack, NobodyButTheOwnerMayWriteAndNobodyBecomesAnother) {
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
  EXPECT_EQ(mode("closed"), 0700U) << "or it could not be removed again";
  struct stat info = {};
  ASSERT_EQ(::stat((folder + "/suid").c_str(), &info), 0);
  EXPECT_EQ(info.st_uid, ::getuid());
}

TEST_F(Unpack, RefusesNamesThatLeadOut) {
  for (const char* name : {"../x", "a/../../x", "/x", "/tmp/ops-test-evil", "..", "./..", "a/.."}) {
    EXPECT_HAS(refusal({{name, "evil", 0644, Kind::file}}), "leads out of the folder");
  }
  EXPECT_FALSE(tests::exists("/tmp/ops-test-evil"));
}

TEST_F(Unpack, RefusesSymbolicLinksThatLeadOut) {
  for (const char* target : {"/etc", "..", "../..", "../x", "a/../../x", "./../x", ""}) {
    EXPECT_HAS(refusal({{"link", target, 0777, Kind::symlink}}), "leads out") << target;
  }
  EXPECT_HAS(refusal({{"a/b/link", "../../../x", 0777, Kind::symlink}}), "leads out");
}

TEST_F(Unpack, RefusesLinksThatLeadOutOnlyTogether) {
  EXPECT_HAS(refusal({{"a/b/up", "../..", 0777, Kind::symlink}, {"out", "a/b/up/..", 0777, Kind::symlink}}), "\"out\"");
}

TEST_F(Unpack, RefusesToWriteThroughALinkOfTheArchive) {
  const Entry link{"link", "etc", 0777, Kind::symlink};
  EXPECT_HAS(refusal({link, {"link/x", "evil", 0644, Kind::file}}), "lies below a symbolic link");
  EXPECT_HAS(refusal({link, {"./link//deep/x", "evil", 0644, Kind::file}}), "lies below a symbolic link");
  EXPECT_HAS(refusal({link, {"link", "evil", 0644, Kind::file}}), "has the name of an earlier entry");
  EXPECT_HAS(refusal({{"link/x", "", 0644, Kind::file}, link}), "has the name of an earlier entry")
      << "a folder that becomes a link";
  EXPECT_HAS(refusal({link, {"link/h", "control", 0644, Kind::hardlink}}), "lies below a symbolic link");
}

TEST_F(Unpack, RefusesHardLinksToAnythingButAFileBeforeThem) {
  EXPECT_HAS(refusal({{"hard", "/etc/passwd", 0644, Kind::hardlink}}), "leads out");
  EXPECT_HAS(refusal({{"hard", "../release.tar.gz", 0644, Kind::hardlink}}), "leads out");
  const std::string no_file = "a name that is not an earlier file";
  EXPECT_HAS(refusal({{"hard", "gone", 0644, Kind::hardlink}}), no_file);
  EXPECT_HAS(refusal({{"hard", "hard", 0644, Kind::hardlink}}), no_file);
  EXPECT_HAS(refusal({{"d/", "", 0755, Kind::folder}, {"hard", "d", 0644, Kind::hardlink}}), no_file);
  EXPECT_HAS(refusal({{"link", "etc", 0777, Kind::symlink}, {"hard", "link", 0644, Kind::hardlink}}), no_file);
  EXPECT_HAS(refusal({{"link", ".", 0777, Kind::symlink}, {"hard", "link/control", 0644, Kind::hardlink}}), no_file);
}

TEST_F(Unpack, RefusesWhatIsNoFileFolderOrLink) {
  EXPECT_HAS(refusal({{"null", "", 0666, Kind::device}}), "neither a file, a folder nor a link");
  EXPECT_HAS(refusal({{"pipe", "", 0666, Kind::fifo}}), "neither a file, a folder nor a link");
}

TEST_F(Unpack, RefusesTheUpdatersOwnNames) {
  for (const char* name : {".installed", "./.installed", ".installed/x", ".installed.new"}) {
    EXPECT_HAS(refusal({{name, "d41d8cd98f00b204e9800998ecf8427e", 0644, Kind::file}}), "is reserved for the updater");
  }
}

TEST_F(Unpack, RefusesTwoDifferentThingsOfOneName) {
  EXPECT_HAS(refusal({{"a", "x", 0644, Kind::file}, {"a/b", "x", 0644, Kind::file}}), "lies below a file");
  EXPECT_HAS(refusal({{"a/b", "x", 0644, Kind::file}, {"a", "x", 0644, Kind::file}}), "has the name of an earlier entry");
  EXPECT_HAS(refusal({{"a", "b", 0777, Kind::symlink}, {"a", "c", 0777, Kind::symlink}}), "has the name of an earlier entry");
}

TEST_F(Unpack, RefusesNamesThatNoDiskTakes) {
  EXPECT_HAS(refusal({{std::string(256, 'n'), "x", 0644, Kind::file}}), "has a name that is too long");
  std::string deep;
  for (int i = 0; i < 1100; ++i) deep += "d/";
  EXPECT_HAS(refusal({{deep + "f", "x", 0644, Kind::file}}), "has a name that is too long");
}

TEST_F(Unpack, RefusesAReleaseWithoutAControlThatCanBeRun) {
  const std::string no_control = "it has no file named control at its top";
  const std::string no_run_bit = "control is not executable: chmod +x control";
  EXPECT_HAS(refusal(make_tarball({{"agent", "x", 0755, Kind::file}})), no_control);
  EXPECT_HAS(refusal(make_tarball({})), no_control);
  EXPECT_HAS(refusal(make_tarball({{"control", "#!/bin/sh\n", 0644, Kind::file}})), no_run_bit);
  EXPECT_HAS(refusal(make_tarball({kControl, {"control", "#!/bin/sh\n", 0644, Kind::file}})), no_run_bit);
  EXPECT_HAS(refusal(make_tarball({{"sub/control", "#!/bin/sh\n", 0755, Kind::file}})), "control is too deep, at sub/control");
  const Entry real{"real", "#!/bin/sh\n", 0755, Kind::file};
  EXPECT_HAS(refusal(make_tarball({real, {"control", "real", 0777, Kind::symlink}})), "must be a plain file");
  EXPECT_HAS(refusal(make_tarball({real, {"control", "real", 0755, Kind::hardlink}})), "must be a plain file");
  EXPECT_HAS(refusal(make_tarball({{"control/", "", 0755, Kind::folder}})), "must be a plain file");
  EXPECT_HAS(refusal({{"control/", "", 0755, Kind::folder}}), "has the name of an earlier entry");
  EXPECT_HAS(refusal({{"control", "real", 0777, Kind::symlink}}), "has the name of an earlier entry");
}

TEST_F(Unpack, RefusesWhatIsOverALimit) {
  limits.max_entries = 10;
  Entries many;
  for (int i = 0; i < 10; ++i) many.push_back({"f" + std::to_string(i), "", 0644, Kind::file});
  EXPECT_HAS(refusal(many), "more than 10 entries");

  limits.max_size = 100'000;
  EXPECT_HAS(refusal({{"a", std::string(60'000, 'a'), 0644, Kind::file}, {"b", std::string(60'000, 'b'), 0644, Kind::file}}),
             "it has more than 100000 bytes unpacked");
  limits.max_size = UnpackLimits().max_size;
  limits.max_ratio = 20;
  EXPECT_HAS(refusal({{"bomb", std::string(4 << 20, '\0'), 0644, Kind::file}}), "more than 20 times its size");
}

TEST_F(Unpack, CountsFoldersThatOnlyNamesImply) {
  limits.max_entries = 10;
  EXPECT_HAS(refusal({{"a/b/c/d/e/f/g/h/i/j", "", 0644, Kind::file}}), "more than 10 entries");
  limits.max_entries = 11;
  EXPECT_FALSE(unpack_bytes(make_tarball({kControl, {"a/b/c/d/e/f/g/h/i/j", "", 0644, Kind::file}})));
}

TEST_F(Unpack, RefusesNamesThatLieTooDeep) {
  std::string deep;
  for (int i = 0; i < 64; ++i) deep += "d/";
  EXPECT_FALSE(unpack_bytes(make_tarball({kControl, {deep + "f", "", 0644, Kind::file}})));
  EXPECT_HAS(refusal({{deep + "d/f", "", 0644, Kind::file}}), "is more than 64 folders deep");
}

TEST_F(Unpack, TakesASparseFileAsSmallAsItIs) {
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

TEST_F(Unpack, RefusesABombBeforeItHasWrittenAnything) {
  EXPECT_HAS(refusal({{"bomb", std::string(64 << 20, '\0'), 0644, Kind::file}}), "more than 200 times its size");
}

TEST_F(Unpack, RefusesWhatIsNoTarball) {
  for (const std::string& bytes : {std::string(), std::string("not found\n"), std::string("<html></html>"),
                                   std::string(100'000, '\0'), std::string("\x1f\x8b\x08\0 garbage", 13)}) {
    EXPECT_HAS(refusal(bytes), "it ") << bytes.size();
  }
}

TEST_F(Unpack, CutAtAnyPlaceIsRefusedOrWhole) {
  std::string noise;
  for (unsigned i = 0, x = 1; i < 20'000; ++i) noise += static_cast<char>((x = x * 1103515245 + 12345) >> 16);
  const std::string whole = make_tarball({kControl, {"noise", noise, 0644, Kind::file}, {"last", "words", 0644, Kind::file}});
  for (size_t size = 0; size < whole.size(); size += size < 64 || size + 64 > whole.size() ? 1 : 499) {
    const auto error = unpack_bytes(whole.substr(0, size));
    if (error) {
      EXPECT_EQ(error->fault, ReleaseFault::release) << size << ": " << error->error.message;
      EXPECT_EQ(tests::list(folder), std::vector<std::string>{});
    } else {
      EXPECT_EQ(tests::read_file(folder + "/noise"), noise) << size;
      EXPECT_EQ(tests::read_file(folder + "/last"), "words") << size;
    }
  }
}

TEST_F(Unpack, AFullDiskIsTheHostsFaultAndSaysWhatIsShort) {
  const tests::SmallDisk disk(2);
  folder = disk / ".staged-1";
  std::string noise;
  for (unsigned i = 0, x = 1; i < 3'000'000; ++i) noise += static_cast<char>((x = x * 1103515245 + 12345) >> 16);
  if (!disk.is_small()) limits.reserve = uint64_t{1} << 60;
  tests::write_file(tarball, make_tarball({kControl, {"noise", noise, 0644, Kind::file}}));
  const auto error = unpack(tarball, folder, limits, {});
  ASSERT_TRUE(error);
  EXPECT_EQ(error->fault, ReleaseFault::host);
  EXPECT_HAS(error->error.message, "not enough disk space: unpacked it takes 30");
  EXPECT_HAS(error->error.message, "bytes are free on the disk of " + folder);
  EXPECT_EQ(tests::list(folder), std::vector<std::string>{});
}

TEST_F(Unpack, ManyTinyFilesDoNotFitWhereTheirBytesWould) {
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

TEST_F(Unpack, WhatCannotBeReadOrWrittenIsTheHostsFault) {
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

TEST_F(Unpack, StopsWhenCancelledAndThatIsNobodysFault) {
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
