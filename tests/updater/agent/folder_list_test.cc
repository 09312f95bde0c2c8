#include "updater/agent/folder_list.h"

#include <gtest/gtest.h>

#include "tests/support/hung_folder.h"
#include "tests/support/temp_dir.h"
#include "tests/support/wait.h"

namespace ops::updater {
namespace {

using tests::write_file;
using Names = std::vector<std::string>;

constexpr std::chrono::seconds kLong{60};
constexpr std::chrono::milliseconds kShort{300};

struct FolderListTest : testing::Test {
  tests::TempDir root;
  Layout layout{root.path()};
  FolderList folders{layout};
};

TEST_F(FolderListTest, ContainsOnlyFoldersWithAVersionFile) {
  write_file(root / "a/.version", "1.0");
  write_file(root / "b/1.0/control", "", 0755);
  write_file(root / "var/.version", "1.0");
  write_file(root / ".hidden/.version", "1.0");
  write_file(root / "c d/.version", "1.0");
  write_file(root / "plain-file", "");
  write_file(root / "z/.version", "1.0");
  EXPECT_EQ(folders.read(kLong), (Names{"a", "z"}));
  const Layout gone(root / "gone");
  EXPECT_EQ(FolderList(gone).read(kLong), Names());
}

TEST_F(FolderListTest, WaitsForAFolderThatHangsOnlyOnceAndKeepsIt) {
  for (const char* name : {"a", "hung", "z"}) write_file(root / name + "/.version", "1.0");
  write_file(root / "data/file", "");
  {
    const tests::HungFolder hung(root / "hung");
    const tests::HungFolder data(root / "data");
    ASSERT_EQ(hung.failure() + data.failure(), "");
    EXPECT_EQ(folders.read(kShort), (Names{"a", "data", "hung", "z"})) << "the folder's content is unknown";
    const auto begin = std::chrono::steady_clock::now();
    EXPECT_EQ(folders.read(kLong), (Names{"a", "data", "hung", "z"}));
    EXPECT_LT(std::chrono::steady_clock::now() - begin, kLong / 2);
  }
  EXPECT_TRUE(tests::eventually([&] { return folders.read(kLong) == Names{"a", "hung", "z"}; }));
}

TEST_F(FolderListTest, StaysAsItIsWhileTheUpdatersFolderHangs) {
  write_file(root / "a/.version", "1.0");
  EXPECT_EQ(folders.read(kLong), Names{"a"});
  {
    const tests::HungFolder hung(root.path());
    ASSERT_EQ(hung.failure(), "");
    EXPECT_EQ(folders.read(kShort), Names{"a"});
    EXPECT_EQ(folders.read(kLong), Names{"a"});
  }
  write_file(root / "b/.version", "1.0");
  EXPECT_TRUE(tests::eventually([&] { return folders.read(kLong) == Names{"a", "b"}; }));
}

}  // namespace
}  // namespace ops::updater
