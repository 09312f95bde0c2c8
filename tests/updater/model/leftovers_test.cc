// The entries that the updater may remove from an agent's folder.

#include <gtest/gtest.h>

#include "tests/updater/model/plan_fixture.h"

namespace ops::updater {
namespace {

TEST(Leftovers, ExcludeTheCurrentAndTheLastGoodVersion) {
  Observed seen = installed();
  seen.state.previous = "0";
  seen.releases = {{"0", kOld, false, 1}, {"1", kOld, false, 2}, {"x", kOld, false, 4}, {"y", kOld, false, 3}};
  EXPECT_EQ(leftovers(seen, 2), (std::vector<std::string>{"x", "y"}));
  EXPECT_EQ(leftovers(seen, 3), (std::vector<std::string>{"y"})) << "the newest are kept";
  EXPECT_EQ(leftovers(seen, 1), (std::vector<std::string>{"x", "y", "0"}));
}

TEST(Leftovers, IncludeALatchedRelease) {
  Observed seen = with_latch(installed(), "2");
  seen.releases.push_back({"2", kNew, false, 200});
  EXPECT_EQ(leftovers(seen, 9), (std::vector<std::string>{"2"}));
}

TEST(Leftovers, AreKeptInPartIfTheyAreTheLatchedRelease) {
  Observed seen = with_staged(with_latch(installed(), "2"), "2");
  seen.releases.push_back({"2", kNew, false, 200});
  EXPECT_TRUE(is_failed_release(seen, "2"));
  EXPECT_TRUE(is_failed_release(seen, ".staged-2"));
  EXPECT_FALSE(is_failed_release(seen, "1"));
  EXPECT_FALSE(is_failed_release(with_latch(seen, "2", kOld), "2")) << "other content of the same version failed";
}

TEST(Leftovers, IncludeKeptFilesOfAReleaseThatIsNotLatched) {
  Observed seen = with_latch(installed(), "2");
  seen.failed = {".failed-0", ".failed-2"};
  EXPECT_EQ(leftovers(seen, 2), (std::vector<std::string>{".failed-0"}));
  seen.state.latch.reset();
  EXPECT_EQ(leftovers(seen, 2), (std::vector<std::string>{".failed-0", ".failed-2"}));
}

TEST(Leftovers, ExcludeFoldersThatTheUpdaterDidNotInstall) {
  Observed seen = installed();
  seen.releases.clear();  // no folder contains an .installed
  EXPECT_TRUE(leftovers(seen, 1).empty());
}

}  // namespace
}  // namespace ops::updater
