#include "updater/release/failed_release.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "tests/support/temp_dir.h"

namespace ops::updater {
namespace {

/// A release with a program of 2 KB. Its files have the times of their names: 1 is the oldest.
struct FailedRelease : testing::Test {
  void add(const std::string& name, const std::string& content, time_t changed) {
    tests::write_file(folder + "/" + name, content);
    const timespec times[2] = {{changed, 0}, {changed, 0}};
    ASSERT_EQ(::utimensat(AT_FDCWD, (folder + "/" + name).c_str(), times, 0), 0);
  }
  std::string left(const std::string& name) const { return tests::read_file(kept + "/" + name); }

  tests::TempDir agent;
  std::string folder = agent / "2";
  std::string kept = agent / ".failed-2";
};

TEST_F(FailedRelease, IsMovedAndReplacesTheOneBefore) {
  tests::write_file(kept + "/old", "");
  add("program", "x", 10);
  add(".installed", "0cc1", 20);
  add("var/app.log", "no route to host\n", 30);
  ASSERT_TRUE(keep_failed_release(folder, kept));
  EXPECT_EQ(tests::list(agent.path()), std::vector<std::string>{".failed-2"});
  EXPECT_EQ(tests::list(kept), (std::vector<std::string>{".installed", "program", "var"}));
  EXPECT_EQ(left("var/app.log"), "no route to host\n");
}

TEST_F(FailedRelease, KeepsTheLogsBeforeTheProgramsWithinItsLimit) {
  add("program", std::string(60'000, 'p'), 10);
  add(".installed", "0cc1", 20);
  add("old.log", std::string(50'000, 'o'), 30);
  add("new.log", std::string(50'000, 'n'), 40);
  ASSERT_TRUE(keep_failed_release(folder, kept, 120'000));
  EXPECT_EQ(left("new.log").size(), 50'000U);
  EXPECT_EQ(left("old.log").size(), 50'000U);
  EXPECT_FALSE(tests::exists(kept + "/program"));
}

TEST_F(FailedRelease, KeepsTheEndOfALongLog) {
  add(".installed", "0cc1", 20);
  add("program", std::string(60'000, 'p'), 10);
  add("app.log", std::string(300'000, 'a') + std::string(200'000, 'b') + "the end", 30);
  ASSERT_TRUE(keep_failed_release(folder, kept, 150'000));
  EXPECT_EQ(left("app.log"), std::string(150'000 - 7, 'b') + "the end");
  EXPECT_FALSE(tests::exists(kept + "/program"));
}

TEST_F(FailedRelease, DoesNotFollowLinks) {
  tests::write_file(agent / "outside", std::string(50'000, 'x'));
  add(".installed", "0cc1", 20);
  ASSERT_EQ(::symlink("../outside", (folder + "/link").c_str()), 0);
  ASSERT_TRUE(keep_failed_release(folder, kept, 4096));
  EXPECT_EQ(tests::read_file(agent / "outside").size(), 50'000U);
}

TEST_F(FailedRelease, BoundsTheNumberOfFiles) {
  add(".installed", "0cc1", 20);
  for (int i = 0; i < 100; ++i) add("log" + std::to_string(i), "x", 30);
  ASSERT_TRUE(keep_failed_release(folder, kept, 10 * 4096));
  EXPECT_EQ(tests::list(kept).size(), 10U);
}

}  // namespace
}  // namespace ops::updater
