#include "meta/standby/leadership.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "tests/support/temp_dir.h"

namespace ops::meta {
namespace {

struct LeadershipAtStart : testing::Test {
  LeadershipAtStart() {
    std::filesystem::create_directory(folder / "var");
    std::filesystem::current_path(folder.path());
    pair.standby.of = "http://m1:2000";
  }
  ~LeadershipAtStart() override { std::filesystem::current_path(before); }

  const std::filesystem::path before = std::filesystem::current_path();
  tests::TempDir folder;
  Config single;
  Config pair;
};

TEST_F(LeadershipAtStart, WithoutAFileIsThatOfASingleOpsMetaOrOfAStandby) {
  EXPECT_EQ(leadership_at_start(single), (Leadership{true, 0, false}));
  EXPECT_EQ(leadership_at_start(pair), (Leadership{false, 0, false}));
  EXPECT_FALSE(std::filesystem::exists(kLeaderFile)) << "a single ops-meta writes no file";
}

TEST_F(LeadershipAtStart, IsThatOfTheFile) {
  for (const bool leads : {true, false}) {
    const Leadership saved{leads, 1447000000, leads};
    ASSERT_TRUE(save_leadership(saved, kLeaderFile));
    EXPECT_EQ(leadership_at_start(pair), saved);
  }
}

TEST_F(LeadershipAtStart, GrowsWhenTheOperatorRemovesTheStandbyFromTheConfig) {
  ASSERT_TRUE(save_leadership({false, 4'000'000'000, false}, kLeaderFile));
  const Leadership alone = leadership_at_start(single);
  EXPECT_EQ(alone, (Leadership{true, 4'000'000'001, true}));
  EXPECT_EQ(leadership_at_start(single), alone) << "the next start has the same generation";
}

TEST_F(LeadershipAtStart, OfADamagedFileStandsBy) {
  tests::write_file(kLeaderFile, "{\"leads\": tr");
  EXPECT_EQ(leadership_at_start(pair), Leadership());
}

TEST(Generation, IsTheTimeAndAlwaysGrows) {
  EXPECT_EQ(next_generation(0, 1447000000), 1447000000);
  EXPECT_EQ(next_generation(1447000005, 1447000000), 1447000006);
}

TEST(Generation, IsInTheLineOfTheLeader) {
  EXPECT_EQ(generation_in(leader_line(1447000000)), 1447000000);
  for (const char* text :
       {"", "stands by; http://m1:2000 leads\n", "leads, generation -1\n", "leads, generation 99999999999999999999\n"}) {
    EXPECT_EQ(generation_in(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace ops::meta
