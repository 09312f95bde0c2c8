// The Debian packages (cmake/deb.sh) without an installation.

#include <gtest/gtest.h>

#include <filesystem>

#include "common/base/text.h"
#include "common/base/version.h"
#include "tests/support/process.h"
#include "tests/support/tarball.h"
#include "tests/support/temp_dir.h"

namespace ops::tests {
namespace {

struct Package : testing::TestWithParam<const char*> {
  Package() { write_file(folder / "curl/debian/copyright", "the licence of curl\n"); }

  /// Makes the package in the folder `out`, and returns its path.
  std::string make(const std::string& out) const {
    std::filesystem::create_directories(out);
    const std::string name = GetParam();
    EXPECT_EQ(run({"strip", "-o", folder / name, cat(OPS_BUILD_DIR, "/", name)}).exit_code, 0);
    const Finished made = run(
        {cat(OPS_SOURCE_DIR, "/cmake/deb.sh"), name, version(), "amd64", "1447000000", folder / name, folder / "curl", out});
    EXPECT_EQ(made.exit_code, 0) << made.output;
    return cat(out, "/", name, "_", version(), "_amd64.deb");
  }

  TempDir folder;
};

TEST_P(Package, HasTheSameBytesInEachBuild) {
  const std::string first = make(folder / "1");
  EXPECT_EQ(md5_hex(read_file(first)), md5_hex(read_file(make(folder / "2"))));
  EXPECT_EQ(run({"sha256sum", "-c", first + ".sha256"}, folder / "1").exit_code, 0);
}

TEST_P(Package, HasAllPartsOfADaemon) {
  const std::string name = GetParam();
  const std::string root = folder / "root";
  ASSERT_EQ(run({"dpkg-deb", "-R", make(folder.path()), root}).exit_code, 0);
  for (const std::string file : {"/usr/sbin/NAME", "/usr/lib/NAME/control", "/usr/lib/NAME/verbs.sh",
                                 "/usr/lib/systemd/system/NAME.service", "/etc/default/NAME", "/usr/share/man/man8/NAME.8.gz",
                                 "/usr/share/bash-completion/completions/NAME", "/usr/share/doc/NAME/README.md.gz"}) {
    std::string path = root + file;
    for (size_t at; (at = path.find("NAME")) != std::string::npos;) path.replace(at, 4, name);
    EXPECT_TRUE(exists(path)) << path;
  }
  const std::string unit = read_file(cat(root, "/usr/lib/systemd/system/", name, ".service"));
  EXPECT_EQ(unit.find("/opt"), std::string::npos) << unit;
  EXPECT_EQ(read_file(root + "/DEBIAN/conffiles"), cat("/etc/", name, "/cfg.json\n/etc/default/", name, "\n"));
  const std::string licences = read_file(cat(root, "/usr/share/doc/", name, "/copyright"));
  for (const std::string library : {"libssl-dev", "libarchive-dev", "libc6-dev", "libfmt-dev"}) {
    EXPECT_NE(licences.find(cat("\n==== ", library, " ====\n")), std::string::npos) << library;
  }
  EXPECT_EQ(licences.find("the licence of curl") != std::string::npos, name == "ops-updater");
  const Finished checked =
      run({cat(root, "/usr/lib/", name, "/", name), "-t", "-d", root, "-c", cat(root, "/etc/", name, "/cfg.json")});
  EXPECT_EQ(checked.exit_code, 0) << checked.output;
}

TEST_P(Package, HasNoFaultThatLintianFinds) {
  const Finished found = run({"lintian", "--fail-on", "error", make(folder.path())});
  EXPECT_EQ(found.exit_code, 0) << found.output;
}

INSTANTIATE_TEST_SUITE_P(Daemons, Package, testing::Values("ops-meta", "ops-updater"));

}  // namespace
}  // namespace ops::tests
