#include "meta/config/release_check.h"

#include <gtest/gtest.h>

namespace ops::tests {
namespace {

using meta::Override;

/// "VERSION TARBALL" of each release.
std::vector<std::string> releases(std::vector<Override> others, const std::string& cmd = "start") {
  meta::Config config;
  config.agents = {{{"a", "1", "http://m/a", "", cmd}, std::move(others), {}}};
  std::vector<std::string> found;
  for (const DesiredAgent& release : releases_of(config)) found.push_back(release.version + " " + release.tarball);
  return found;
}

using Releases = std::vector<std::string>;

TEST(ReleaseCheck, ListsTheReleasesOfAllOverrides) {
  EXPECT_EQ(releases({}), Releases{"1 http://m/a"});
  EXPECT_EQ(releases({{"lg-", "2", "", "", ""}}), (Releases{"1 http://m/a", "2 http://m/a"}));
  EXPECT_EQ(releases({{"lg-", "", "http://n/a", "", ""}, {"lg-web", "2", "", "", ""}}),
            (Releases{"1 http://m/a", "1 http://n/a", "2 http://n/a"}))
      << "the override for lg- applies to lg-web as well";
  EXPECT_EQ(releases({{"", "2", "", "", "", 5}, {"lg-", "3", "", "", ""}}),
            (Releases{"1 http://m/a", "2 http://m/a", "3 http://m/a"}));
}

TEST(ReleaseCheck, ListsEachReleaseOnceAndOnlyThoseToStart) {
  EXPECT_EQ(releases({{"lg-", "2", "", "", ""}, {"db-", "2", "", "", ""}}), (Releases{"1 http://m/a", "2 http://m/a"}));
  EXPECT_EQ(releases({{"lg-", "2", "", "", "stop"}}), Releases{"1 http://m/a"});
  EXPECT_EQ(releases({{"lg-", "2", "", "", "start"}}, "stop"), Releases{"2 http://m/a"});
}

}  // namespace
}  // namespace ops::tests
