// `./control release` in a checkout of its own, whose dev.sh packs small files instead of building both daemons.

#include <gtest/gtest.h>

#include <filesystem>

#include "common/base/text.h"
#include "tests/support/process.h"
#include "tests/support/temp_dir.h"
#include "tests/support/text.h"

namespace ops::tests {
namespace {

namespace fs = std::filesystem;

constexpr char kSmallBuild[] = R"(#!/usr/bin/env bash
set -e
case $1 in
    test) echo "tests ran" ;;
    pack)
        mkdir -p build
        printf '#!/bin/sh\necho 1.1.0\n' >build/ops-meta
        chmod +x build/ops-meta
        for name in ops-meta ops-updater; do echo "$name" | tee build/$name-1.1.0.tar.gz >build/${name}_1.1.0_amd64.deb; done
        ;;
    release) exec cmake/release.sh "${@:2}" ;;
esac
)";

struct Release : testing::Test {
  Release() {
    const std::string source = OPS_SOURCE_DIR;
    fs::create_directories(folder / "cmake");
    fs::copy_file(source + "/control", folder / "control");
    fs::copy_file(source + "/cmake/release.sh", folder / "cmake/release.sh");
    write_file(folder / "cmake/dev.sh", kSmallBuild);
    fs::permissions(folder / "cmake/dev.sh", fs::perms::owner_all);
    write_file(folder / "CMakeLists.txt", "project(ops VERSION 1.1.0 LANGUAGES C CXX)\n");
    write_file(folder / "CHANGELOG.md", "# Changes\n\n## 1.1.0\n\n- A change.\n\n## 1.0.0\n");
    write_file(folder / ".gitignore", "/build/\n/key*\n");
    shell("git init -q && minisign -G -W -s key -p key.pub");
    commit();
  }

  void shell(const std::string& command) const {
    const Finished done = run({"bash", "-c", command}, folder.path());
    EXPECT_EQ(done.exit_code, 0) << command << "\n" << done.output;
  }
  void commit() const { shell("git add -A && git -c user.name=T -c user.email=t@test.invalid commit -qm Test"); }
  Finished release(const std::string& version) const {
    return run({"./control", "release", version, "-s", "key"}, folder.path());
  }

  TempDir folder;
};

TEST_F(Release, TestsPacksAndSigns) {
  const Finished done = release("1.1.0");
  EXPECT_EQ(done.exit_code, 0) << done.output;
  EXPECT_TRUE(contains(done.output, "tests ran\n")) << done.output;
  EXPECT_TRUE(contains(done.output, "git tag -a v1.1.0 -m ")) << done.output;
  for (const std::string file : {"ops-meta-1.1.0.tar.gz", "ops-updater-1.1.0.tar.gz", "ops-meta_1.1.0_amd64.deb"}) {
    shell(cat("minisign -V -p key.pub -m build/", file));
  }
}

TEST_F(Release, RefusesAVersionThatTheSourcesDoNotHave) {
  EXPECT_TRUE(contains(release("1.2.0").output, "CMakeLists.txt has version 1.1.0"));
  EXPECT_TRUE(contains(release("1.1").output, "must be like 1.1.0"));
}

TEST_F(Release, RefusesAVersionWithoutNotes) {
  write_file(folder / "CHANGELOG.md", "# Changes\n\n## 1.1.0\n\n## 1.0.0\n\n- A change.\n");
  commit();
  const Finished done = release("1.1.0");
  EXPECT_EQ(done.exit_code, 1);
  EXPECT_TRUE(contains(done.output, "CHANGELOG.md has no text below \"## 1.1.0\"")) << done.output;
}

TEST_F(Release, RefusesUncommittedChangesAndATagThatExists) {
  write_file(folder / "CHANGELOG.md", "# Changes\n\n## 1.1.0\n\n- Another change.\n");
  EXPECT_TRUE(contains(release("1.1.0").output, "uncommitted changes"));
  commit();
  shell("git tag v1.1.0");
  EXPECT_TRUE(contains(release("1.1.0").output, "the tag v1.1.0 exists already"));
}

TEST_F(Release, EndsWhenATestFails) {
  shell("sed -i 's/test) echo .*/test) exit 1 ;;/' cmake/dev.sh");
  commit();
  EXPECT_NE(release("1.1.0").exit_code, 0);
  EXPECT_FALSE(exists(folder / "build"));
}

}  // namespace
}  // namespace ops::tests
