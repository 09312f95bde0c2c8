#include "meta/rollout/rollout_snapshot.h"

#include <gtest/gtest.h>

#include "tests/support/temp_dir.h"

namespace ops::tests {
namespace {

using meta::RolloutSnapshot;

struct RolloutSnapshotTest : testing::Test {
  TempDir folder;
  std::string path = folder / "rollouts.json";
  const RolloutSnapshot some{{{"a", "2", "h1", 1447000000}, {"b", "1.0+x", "größe", 1}}, {{"a", "1", 1'000'000}}};
};

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

TEST_F(RolloutSnapshotTest, RefusesAMissingFile) {
  EXPECT_EQ(meta::load_rollouts(path).error().message, "cannot open " + path + ": No such file or directory");
}

}  // namespace
}  // namespace ops::tests
