#include "meta/hosts/string_interner.h"

#include <gtest/gtest.h>

namespace ops::tests {
namespace {

using meta::StringInterner;

TEST(StringInterner, StoresATextOnce) {
  StringInterner interner(10, "(full)");
  const auto a = interner.acquire("a");
  EXPECT_EQ(interner.acquire("a"), a);
  EXPECT_NE(interner.acquire("b"), a);
  EXPECT_EQ(interner.text(a), "a");
  EXPECT_EQ(interner.size(), 2u);
}

TEST(StringInterner, FreesATextWithItsLastReference) {
  StringInterner interner(10, "(full)");
  const auto a = interner.acquire("a");
  interner.acquire("a");
  interner.release(a);
  EXPECT_EQ(interner.size(), 1u);
  EXPECT_EQ(interner.text(a), "a");
  interner.release(a);
  EXPECT_EQ(interner.size(), 0u);
  EXPECT_EQ(interner.acquire("other"), a) << "the id is reused";
  EXPECT_EQ(interner.text(a), "other");
}

TEST(StringInterner, ReturnsTheOverflowTextBeyondItsLimit) {
  StringInterner interner(2, "(full)");
  const auto a = interner.acquire("a");
  interner.acquire("b");
  EXPECT_EQ(interner.acquire("c"), StringInterner::kOverflow);
  EXPECT_EQ(interner.text(StringInterner::kOverflow), "(full)");
  EXPECT_EQ(interner.acquire("a"), a) << "a stored text is still found";
  for (int i = 0; i < 3; ++i) interner.release(StringInterner::kOverflow);
  EXPECT_EQ(interner.text(StringInterner::kOverflow), "(full)");
  EXPECT_NE(interner.acquire("needed", /*even_if_full=*/true), StringInterner::kOverflow);
  interner.release(a);
  interner.release(a);
  EXPECT_EQ(interner.acquire("c"), StringInterner::kOverflow) << "still one text beyond the limit";
  EXPECT_EQ(interner.size(), 2u);
}

TEST(StringInterner, HasRoomAgainAfterATextIsFreed) {
  StringInterner interner(1, "(full)");
  interner.release(interner.acquire("a"));
  EXPECT_NE(interner.acquire("b"), StringInterner::kOverflow);
}

TEST(StringInterner, JoinsPairs) {
  EXPECT_EQ(meta::split(meta::join("agent", "1.0")), (std::pair<std::string_view, std::string_view>("agent", "1.0")));
  EXPECT_EQ(meta::split(meta::join("", "")), (std::pair<std::string_view, std::string_view>()));
  EXPECT_EQ(meta::split("alone"), (std::pair<std::string_view, std::string_view>("alone", "")));
  EXPECT_TRUE(meta::is_joined(meta::join("a", "bc"), "a", "bc"));
  EXPECT_FALSE(meta::is_joined(meta::join("a", "bc"), "ab", "c"));
  EXPECT_FALSE(meta::is_joined(meta::join("a", "bc"), "a", "bd"));
  EXPECT_FALSE(meta::is_joined(meta::join("a", "bc"), "b", "bc"));
  EXPECT_FALSE(meta::is_joined("", "", ""));
}

}  // namespace
}  // namespace ops::tests
