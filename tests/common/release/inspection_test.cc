#include "common/release/inspection.h"

#include <gtest/gtest.h>

#include "tests/support/process.h"
#include "tests/support/tarball.h"
#include "tests/support/temp_dir.h"

namespace ops {
namespace {

using tests::Entry;
using tests::make_tarball;
using Kind = Entry::Kind;
using Lines = std::vector<std::string>;

const Entry kControl{"control", "#!/bin/sh\n", 0755, Kind::file};

struct ReleaseInspection : testing::Test {
  /// Why it is refused; its warnings are in `findings`.
  std::string refusal(const std::string& bytes) {
    tests::write_file(file, bytes);
    findings = {};
    const auto refused = inspect_release(file, {}, {}, findings);
    EXPECT_TRUE(!refused || refused->fault == ReleaseFault::release) << refused->error.message;
    return refused ? refused->error.message : "";
  }

  Lines warnings(const std::string& bytes) {
    EXPECT_EQ(refusal(bytes), "");
    return findings.warnings;
  }

  /// The good release, packed by a shell command that writes to stdout. `source` holds control and a file.
  std::string packed(const std::string& command) {
    const auto finished = tests::run({"sh", "-ec", "{ " + command + "; } >" + file}, source);
    EXPECT_EQ(finished.exit_code, 0) << finished.output;
    return tests::read_file(file);
  }

  ReleaseInspection() {
    tests::write_file(source + "/control", "#!/bin/sh\n", 0755);
    tests::write_file(source + "/file", "content");
  }

  tests::TempDir box;
  const std::string file = box / "release.tar.gz";
  const std::string source = box / "source";
  ReleaseFindings findings;
};

TEST_F(ReleaseInspection, NamesTheFormatOfWhatIsNoTarGz) {
  EXPECT_EQ(refusal(packed("tar -czf - .")), "");
  EXPECT_EQ(refusal(""), "it is empty, 0 bytes");
  EXPECT_EQ(refusal(packed("tar -cf - .")), "it is a .tar without compression and no .tar.gz: pack it with tar -czf");
  EXPECT_EQ(refusal(packed("tar -cf - . | xz")), "it is an .xz file and no .tar.gz: pack it with tar -czf");
  EXPECT_EQ(refusal(packed("tar -cf - . | bzip2")), "it is a .bz2 file and no .tar.gz: pack it with tar -czf");
  EXPECT_EQ(refusal("PK\x03\x04"), "it is a .zip file and no .tar.gz: pack it with tar -czf");
  EXPECT_EQ(refusal("\n<!DOCTYPE html>\n"), "it is a web page and no .tar.gz: pack it with tar -czf");
  EXPECT_EQ(refusal("not found\n"), "it is no .tar.gz: pack it with tar -czf");
  EXPECT_EQ(refusal(packed("tar -czf - . | gzip")), "its gzip data holds a gzip file instead of a tar");
  EXPECT_EQ(refusal(packed("gzip -c control")), "its gzip data holds a script instead of a tar");
  EXPECT_EQ(refusal(packed("gzip -c file")), "its gzip data holds no tar");
  EXPECT_EQ(refusal(packed("gzip -c /dev/null")), "its gzip data holds no tar");
}

TEST_F(ReleaseInspection, TellsACutFileFromADamagedOne) {
  const std::string whole = packed("tar -czf - .");
  for (const size_t size : {size_t{3}, size_t{30}, whole.size() / 2, whole.size() - 8, whole.size() - 1}) {
    EXPECT_EQ(refusal(whole.substr(0, size)), "it is cut off: its gzip data has no end; copy it again") << size;
  }
  std::string damaged = whole;
  damaged[whole.size() - 6] = static_cast<char>(damaged[whole.size() - 6] ^ 1);  // of the checksum
  EXPECT_EQ(refusal(damaged), "its gzip data is damaged (incorrect data check); copy it again");
  EXPECT_EQ(refusal(packed("tar -cf - . | head -c 700 | gzip")).find("the tar in it is damaged: Truncated"), 0u);
}

TEST_F(ReleaseInspection, TakesWhatGzipTakes) {
  EXPECT_EQ(refusal(packed("tar -cf x control file; head -c 600 x | gzip; tail -c +601 x | gzip; rm x")), "") << "in two parts";
  EXPECT_EQ(refusal(packed("tar -czf - . && printf 'trailing garbage'")), "");
  EXPECT_EQ(refusal(packed("tar -b 1000 -czf - .")), "") << "with half a megabyte of padding";
}

TEST_F(ReleaseInspection, NamesTheMistakeInControl) {
  EXPECT_EQ(refusal(make_tarball({{"agent", "", 0755, Kind::file}})), "it has no file named control at its top");
  EXPECT_EQ(refusal(make_tarball({{"a/b/control", "", 0755, Kind::file}, {"a/control", "", 0755, Kind::file}})),
            "control lies too deep, at a/control: pack what is in a and not the folder itself (tar -C a -czf "
            "NAME-VERSION.tar.gz .)");
  EXPECT_EQ(refusal(make_tarball({{"control", "#!/bin/sh\n", 0644, Kind::file}})),
            "control at its top has no run bit: chmod +x control");
  EXPECT_EQ(refusal(make_tarball({{"control", "#!/bin/bash\r\necho\r\n", 0755, Kind::file}})),
            "control has Windows line ends (CRLF), so that hosts look for the program \"/bin/bash\\r\"; convert it: sed -i "
            "'s/\\r$//' control");
  EXPECT_EQ(refusal(make_tarball({{"control", "#!/bin/bash\r\n", 0755, Kind::file}, kControl})), "") << "the later one counts";
}

TEST_F(ReleaseInspection, WarnsOfFilesOfMacOs) {
  EXPECT_EQ(warnings(make_tarball({kControl,
                                   {"._control", "", 0644, Kind::file},
                                   {"a/.DS_Store", "", 0644, Kind::file},
                                   {"__MACOSX/", "", 0755, Kind::folder},
                                   {"__MACOSX/a", "", 0644, Kind::file},
                                   {"a/DS_Store", "", 0644, Kind::file}})),
            (Lines{"macOS added files that hosts do not need: ._control, a/.DS_Store, __MACOSX and 1 more"}));
}

TEST_F(ReleaseInspection, WarnsOfWhatHostsDoNotKeep) {
  EXPECT_EQ(warnings(make_tarball({kControl, {"ping", "", 04755, Kind::file}, {"shared/", "", 02755, Kind::folder}})),
            (Lines{"hosts do not keep the set-uid or set-gid bit of ping, shared"}));
  EXPECT_EQ(warnings(packed("tar --format=pax --pax-option=SCHILY.xattr.security.capability:=x -czf - control file")),
            (Lines{"hosts do not keep the capabilities of control, file"}));
  EXPECT_EQ(warnings(packed("tar --owner=:1000 --group=:1000 -czf - .")), Lines{}) << "one packer owns all";
  EXPECT_EQ(warnings(packed("tar --owner=:0 --group=:0 -cf x control; tar --owner=:33 --group=:4 -rf x file; gzip -c x; rm x")),
            (Lines{"hosts do not keep the owner (uid 33, gid 4) of file: all files belong to the updater's user"}));
}

TEST_F(ReleaseInspection, WarnsOfAnOddControl) {
  EXPECT_EQ(warnings(make_tarball({{"control", "#!/bin/sh\necho\r\n", 0755, Kind::file}})),
            (Lines{"line 2 of control has a Windows line end (CRLF), which a shell takes for a part of the line; convert it: "
                   "sed -i 's/\\r$//' control"}));
}

}  // namespace
}  // namespace ops
