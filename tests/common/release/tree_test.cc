#include "common/release/tree.h"

#include <gtest/gtest.h>

namespace ops {
namespace {

using Kind = ArchiveEntry::Kind;

TEST(ReleaseTree, FindsAddedNamesAndTheirParentFolders) {
  ReleaseTree tree;
  EXPECT_EQ(tree.add("a/b/c", Kind::file), "");
  EXPECT_EQ(tree.add("a/b", Kind::folder), "");
  EXPECT_EQ(tree.add("a/d", Kind::symbolic_link), "");
  EXPECT_EQ(tree.find("a"), Kind::folder);
  EXPECT_EQ(tree.find("a/b/c"), Kind::file);
  EXPECT_EQ(tree.find("a/d"), Kind::symbolic_link);
  EXPECT_EQ(tree.find(""), Kind::folder);
  EXPECT_EQ(tree.find("b"), std::nullopt);
  EXPECT_EQ(tree.find("a/b/c/d"), std::nullopt);
  EXPECT_EQ(tree.implied_folders(), 2u);
}

TEST(ReleaseTree, RefusesDifferentEntriesWithOneNameAndNamesBelowAFile) {
  ReleaseTree tree;
  EXPECT_EQ(tree.add("file", Kind::file), "");
  EXPECT_EQ(tree.add("file", Kind::file), "") << "a later entry replaces an earlier one";
  EXPECT_EQ(tree.add("file", Kind::folder), "has the name of an earlier entry");
  EXPECT_EQ(tree.add("file/x", Kind::file), "lies below a file");
  EXPECT_EQ(tree.add("link", Kind::symbolic_link), "");
  EXPECT_EQ(tree.add("link", Kind::symbolic_link), "has the name of an earlier entry");
  EXPECT_EQ(tree.add("link/x/y", Kind::file), "lies below a symbolic link");
}

}  // namespace
}  // namespace ops
