#include "common/release/tree.h"

#include <gtest/gtest.h>

namespace ops {
namespace {

using Kind = ArchiveEntry::Kind;

TEST(ReleaseTree, KnowsWhatWasAddedAndTheFoldersThatItImplies) {
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

TEST(ReleaseTree, RefusesTwoThingsOfOneNameAndNamesBelowWhatIsNoFolder) {
  ReleaseTree tree;
  EXPECT_EQ(tree.add("file", Kind::file), "");
  EXPECT_EQ(tree.add("file", Kind::file), "") << "the later one counts";
  EXPECT_EQ(tree.add("file", Kind::folder), "is there twice");
  EXPECT_EQ(tree.add("file/x", Kind::file), "lies below a file");
  EXPECT_EQ(tree.add("link", Kind::symbolic_link), "");
  EXPECT_EQ(tree.add("link", Kind::symbolic_link), "is there twice");
  EXPECT_EQ(tree.add("link/x/y", Kind::file), "lies below a symbolic link");
}

}  // namespace
}  // namespace ops
