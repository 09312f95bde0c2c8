// Tarballs that are refused before anything is unpacked.

#include "tests/updater/release/unpack_fixture.h"

namespace ops::updater {
namespace {

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

TEST_F(Unpack, RefusesLinksThatLeadOutTogether) {
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

TEST_F(Unpack, RefusesDevicesAndFifos) {
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

TEST_F(Unpack, RefusesNamesThatAreTooLong) {
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

TEST_F(Unpack, RefusesAReleaseAboveALimit) {
  limits.max_entries = 10;
  Entries many;
  for (int i = 0; i < 10; ++i) many.push_back({"f" + std::to_string(i), "", 0644, Kind::file});
  EXPECT_HAS(refusal(many), "more than 10 entries");

  limits.max_size = 100'000;
  EXPECT_HAS(refusal({{"a", std::string(60'000, 'a'), 0644, Kind::file}, {"b", std::string(60'000, 'b'), 0644, Kind::file}}),
             "it has more than 100000 bytes unpacked");
  limits.max_size = UnpackOptions().max_size;
  limits.max_ratio = 20;
  EXPECT_HAS(refusal({{"bomb", std::string(4 << 20, '\0'), 0644, Kind::file}}), "more than 20 times its size");
}

TEST_F(Unpack, CountsFoldersThatNamesImply) {
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

TEST_F(Unpack, RefusesABombBeforeItWritesAnything) {
  EXPECT_HAS(refusal({{"bomb", std::string(64 << 20, '\0'), 0644, Kind::file}}), "more than 200 times its size");
}

TEST_F(Unpack, RefusesAFileThatIsNotATarball) {
  for (const std::string& bytes : {std::string(), std::string("not found\n"), std::string("<html></html>"),
                                   std::string(100'000, '\0'), std::string("\x1f\x8b\x08\0 garbage", 13)}) {
    EXPECT_HAS(refusal(bytes), "it ") << bytes.size();
  }
}

TEST_F(Unpack, RefusesATarballCutAtAnyPlace) {
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

}  // namespace
}  // namespace ops::updater
