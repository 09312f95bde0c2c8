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
  /// The reason for a refusal; "" when the release is accepted. `findings` has the warnings.
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

  /// The folder `source`, with control and a file, packed by a shell command that writes to stdout.
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

TEST_F(ReleaseInspection, NamesTheFormatOfAFileThatIsNotATarGz) {
  EXPECT_EQ(refusal(packed("tar -czf - .")), "");
  EXPECT_EQ(refusal(""), "it is empty, 0 bytes");
  EXPECT_EQ(refusal(packed("tar -cf - .")), "it is a .tar without compression, not a .tar.gz: pack it with tar -czf");
  EXPECT_EQ(refusal(packed("tar -cf - . | xz")), "it is an .xz file, not a .tar.gz: pack it with tar -czf");
  EXPECT_EQ(refusal(packed("tar -cf - . | bzip2")), "it is a .bz2 file, not a .tar.gz: pack it with tar -czf");
  EXPECT_EQ(refusal("PK\x03\x04"), "it is a .zip file, not a .tar.gz: pack it with tar -czf");
  EXPECT_EQ(refusal("\n<!DOCTYPE html>\n"), "it is a web page, not a .tar.gz: pack it with tar -czf");
  EXPECT_EQ(refusal("not found\n"), "it is not a .tar.gz: pack it with tar -czf");
  EXPECT_EQ(refusal(packed("tar -czf - . | gzip")), "its gzip data is a gzip file, not a tar");
  EXPECT_EQ(refusal(packed("gzip -c control")), "its gzip data is a script, not a tar");
  EXPECT_EQ(refusal(packed("gzip -c file")), "its gzip data is not a tar");
  EXPECT_EQ(refusal(packed("gzip -c /dev/null")), "its gzip data is not a tar");
}

TEST_F(ReleaseInspection, DistinguishesATruncatedFileFromADamagedOne) {
  const std::string whole = packed("tar -czf - .");
  for (const size_t size : {size_t{3}, size_t{30}, whole.size() / 2, whole.size() - 8, whole.size() - 1}) {
    EXPECT_EQ(refusal(whole.substr(0, size)), "it is truncated: its gzip data ends early; copy it again") << size;
  }
  std::string damaged = whole;
  damaged[whole.size() - 6] = static_cast<char>(damaged[whole.size() - 6] ^ 1);  // a byte of the checksum
  EXPECT_EQ(refusal(damaged), "its gzip data is damaged (incorrect data check); copy it again");
  EXPECT_EQ(refusal(packed("tar -cf - . | head -c 700 | gzip")).find("the tar in it is damaged: Truncated"), 0u);
}

TEST_F(ReleaseInspection, AcceptsFilesThatGzipAccepts) {
  EXPECT_EQ(refusal(packed("tar -cf x control file; head -c 600 x | gzip; tail -c +601 x | gzip; rm x")), "") << "in two parts";
  EXPECT_EQ(refusal(packed("tar -czf - . && printf 'trailing garbage'")), "");
  EXPECT_EQ(refusal(packed("tar -b 1000 -czf - .")), "") << "with half a megabyte of padding";
}

TEST_F(ReleaseInspection, NamesTheMistakeInControl) {
  EXPECT_EQ(refusal(make_tarball({{"agent", "", 0755, Kind::file}})), "it has no file named control at its top");
  EXPECT_EQ(refusal(make_tarball({{"a/b/control", "", 0755, Kind::file}, {"a/control", "", 0755, Kind::file}})),
            "control is too deep, at a/control: pack the content of a, not the folder itself (tar -C a -czf "
            "NAME-VERSION.tar.gz .)");
  EXPECT_EQ(refusal(make_tarball({{"control", "#!/bin/sh\n", 0644, Kind::file}})),
            "control is not executable: chmod +x control");
  EXPECT_EQ(refusal(make_tarball({{"control", "#!/bin/bash\r\necho\r\n", 0755, Kind::file}})),
            "control has Windows line ends (CRLF): hosts look for the program \"/bin/bash\\r\"; convert it: sed -i "
            "'s/\\r$//' control");
  EXPECT_EQ(refusal(make_tarball({{"control", "#!/bin/bash\r\n", 0755, Kind::file}, kControl})), "")
      << "a later entry replaces an earlier one";
}

TEST_F(ReleaseInspection, WarnsAboutFilesThatMacOsAdds) {
  EXPECT_EQ(warnings(make_tarball({kControl,
                                   {"._control", "", 0644, Kind::file},
                                   {"a/.DS_Store", "", 0644, Kind::file},
                                   {"__MACOSX/", "", 0755, Kind::folder},
                                   {"__MACOSX/a", "", 0644, Kind::file},
                                   {"a/DS_Store", "", 0644, Kind::file}})),
            (Lines{"macOS added files that hosts do not need: ._control, a/.DS_Store, __MACOSX and 1 more"}));
}

TEST_F(ReleaseInspection, WarnsAboutOwnersAndBitsThatHostsDoNotKeep) {
  EXPECT_EQ(warnings(make_tarball({kControl, {"ping", "", 04755, Kind::file}, {"shared/", "", 02755, Kind::folder}})),
            (Lines{"hosts do not keep the set-uid or set-gid bit of ping, shared; \"preserve\": true in the agent's entry of "
                   "ops-meta keeps it"}));
  EXPECT_EQ(warnings(packed("tar --format=pax --pax-option=SCHILY.xattr.security.capability:=x -czf - control file")),
            (Lines{"hosts do not keep the capabilities of control, file; \"preserve\": true in the agent's entry of ops-meta "
                   "keeps it"}));
  EXPECT_EQ(warnings(packed("tar --owner=:1000 --group=:1000 -czf - .")), Lines{}) << "all entries have the owner of control";
  EXPECT_EQ(warnings(packed("tar --owner=:0 --group=:0 -cf x control; tar --owner=:33 --group=:4 -rf x file; gzip -c x; rm x")),
            (Lines{"hosts do not keep the owner (uid 33, gid 4) of file: all files belong to the updater's user; \"preserve\": "
                   "true in the agent's entry of ops-meta keeps it"}));
}

TEST_F(ReleaseInspection, WarnsAboutWindowsLineEndsInControl) {
  EXPECT_EQ(warnings(make_tarball({{"control", "#!/bin/sh\necho\r\n", 0755, Kind::file}})),
            (Lines{"line 2 of control has a Windows line end (CRLF), which a shell reads as part of the line; convert it: "
                   "sed -i 's/\\r$//' control"}));
}

}  // namespace
}  // namespace ops
