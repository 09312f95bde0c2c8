#include "meta/rollout/rollout_snapshot.h"

#include <gtest/gtest.h>

#include "tests/support/temp_dir.h"

namespace ops::tests {
namespace {

using meta::RolloutSnapshot;

struct RolloutSnapshotTest : testing::Test {
  TempDir folder;
  std::string path = folder / "rollouts.json";
  const RolloutSnapshot some{{{"a", "2", "h1", 1447000000}, {"b", "1.0+x", "größe", 1}},
                             {{"a", "1", 1'000'000}},
                             BootTime{"boot", 500, 1447000100},
                             {under_way("a", {})},
                             300};

  /// A rollout that began 600 s before the save.
  static meta::RolloutWatch::Rollout under_way(const std::string& agent, const meta::Cohort& before) {
    const auto at = [](int64_t seconds) { return std::chrono::system_clock::from_time_t(seconds); };
    return {agent, "2", at(1446999500), at(1447000090), std::chrono::seconds(-1), before, before != meta::Cohort()};
  }
};

TEST_F(RolloutSnapshotTest, RestoresTheRolloutsUnderWay) {
  RolloutSnapshot rollouts = some;
  rollouts.under_way.push_back(under_way("b", {{10, 20, 30}, {1, 2, 3}}));
  ASSERT_TRUE(save_rollouts(rollouts, path));
  const auto loaded = meta::load_rollouts(path);
  ASSERT_TRUE(loaded) << loaded.error().message;
  EXPECT_EQ(*loaded, rollouts);
  const auto later = meta::under_way_at(*loaded, 5000, std::chrono::seconds(100));
  EXPECT_EQ(std::chrono::system_clock::to_time_t(later.at(1).began), 5000 - 700) << "the clock was set back";
}

TEST_F(RolloutSnapshotTest, ReadsTheLongestIntervalInTheMark) {
  EXPECT_EQ(meta::longest_interval_in(path).count(), 0);
  for (const auto& [text, seconds] : {std::pair{"", 0}, {"300\n", 300}, {"x", 0}, {"-3", 0}}) {
    write_file(path, text);
    EXPECT_EQ(meta::longest_interval_in(path).count(), seconds) << text;
  }
}

TEST_F(RolloutSnapshotTest, RestoresLeasesAndPeaks) {
  for (const RolloutSnapshot& rollouts : {some, RolloutSnapshot{}}) {
    ASSERT_TRUE(save_rollouts(rollouts, path));
    const auto loaded = meta::load_rollouts(path);
    ASSERT_TRUE(loaded) << loaded.error().message;
    EXPECT_EQ(*loaded, rollouts);
  }
}

TEST_F(RolloutSnapshotTest, RefusesADamagedFile) {
  ASSERT_TRUE(save_rollouts(some, path));
  const std::string whole = read_file(path);
  for (size_t size = 0; size < whole.size(); ++size) {
    write_file(path, whole.substr(0, size));
    const auto loaded = meta::load_rollouts(path);
    ASSERT_FALSE(loaded) << size;
    EXPECT_EQ(loaded.error().message, path + " is ignored: it is damaged");
  }
  for (const std::string text : {"[]", "{}", R"({"leases": 7, "proven": []})", R"({"leases": [{}], "proven": []})",
                                 R"({"leases": [], "proven": [{"agent": "a", "version": "1", "hosts": 1e99}]})"}) {
    write_file(path, text);
    EXPECT_FALSE(meta::load_rollouts(path)) << text;
  }
}

TEST_F(RolloutSnapshotTest, ReadsTheFileOfAnEarlierOpsMeta) {
  write_file(path, R"({"leases": [{"agent": "a", "version": "2", "host": "h1", "grantedAt": 1447000000}], "proven": []})");
  const auto loaded = meta::load_rollouts(path);
  ASSERT_TRUE(loaded) << loaded.error().message;
  EXPECT_EQ(meta::since_save(*loaded, {"boot", 1, 1447000200}), std::nullopt);
  EXPECT_EQ(meta::leases_at(*loaded, 1447000200, std::nullopt).front().granted_at, 1447000000);
  EXPECT_EQ(meta::leases_at(*loaded, 1446000000, std::nullopt).front().granted_at, 1446000000) << "the clock was set back";
}

// The lease is 100 s old at the save, 500 s after the boot.
TEST_F(RolloutSnapshotTest, MakesALeaseOlderByTheTimeSinceTheSaveOnly) {
  const auto age_at = [&](const BootTime& start) {
    return start.wall - meta::leases_at(some, start.wall, meta::since_save(some, start)).front().granted_at;
  };
  EXPECT_EQ(age_at({"boot", 510, 1447000110}), 110);
  EXPECT_EQ(age_at({"boot", 510, 1447000110 + 8 * 3600}), 110) << "the clock was set forward";
  EXPECT_EQ(age_at({"boot", 510, 1447000110 - 8 * 3600}), 110) << "the clock was set back";
  EXPECT_EQ(age_at({"other", 40, 1447000110 + 8 * 3600}), 140) << "the machine booted with a wrong clock";
  EXPECT_EQ(age_at({"other", 40, 1447000100 + 300}), 400) << "a boot that took 260 s";
  EXPECT_EQ(age_at({"", 510, 1447000130}), 130) << "without a boot id, the wall clock decides";
}

TEST_F(RolloutSnapshotTest, RefusesAMissingFile) {
  EXPECT_EQ(meta::load_rollouts(path).error().message, "cannot open " + path + ": No such file or directory");
}

}  // namespace
}  // namespace ops::tests
