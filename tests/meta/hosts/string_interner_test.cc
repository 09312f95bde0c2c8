#include "meta/hosts/string_interner.h"

#include <gtest/gtest.h>

namespace ops::tests {
namespace {

using meta::StringInterner;

TEST(StringInterner, KeepsATextOnceForAllWhoHaveIt) {
  StringInterner pool(10, "(full)");
  const auto a = pool.acquire("a");
  EXPECT_EQ(pool.acquire("a"), a);
  EXPECT_NE(pool.acquire("b"), a);
  EXPECT_EQ(pool.text(a), "a");
  EXPECT_EQ(pool.size(), 2u);
}

TEST(StringInterner, FreesATextWithItsLastReference) {
  StringInterner pool(10, "(full)");
  const auto a = pool.acquire("a");
  pool.acquire("a");
  pool.release(a);
  EXPECT_EQ(pool.size(), 1u);
  EXPECT_EQ(pool.text(a), "a");
  pool.release(a);
  EXPECT_EQ(pool.size(), 0u);
  EXPECT_EQ(pool.acquire("other"), a) << "its place is used again";
  EXPECT_EQ(pool.text(a), "other");
}

TEST(StringInterner, HasNoMoreThanItsLimit) {
  StringInterner pool(2, "(full)");
  const auto a = pool.acquire("a");
  pool.acquire("b");
  EXPECT_EQ(pool.acquire("c"), StringInterner::kOverflow);
  EXPECT_EQ(pool.text(StringInterner::kOverflow), "(full)");
  EXPECT_EQ(pool.acquire("a"), a) << "what is there is still found";
  for (int i = 0; i < 3; ++i) pool.release(StringInterner::kOverflow);
  EXPECT_EQ(pool.text(StringInterner::kOverflow), "(full)");
  EXPECT_NE(pool.acquire("needed", /*even_if_full=*/true), StringInterner::kOverflow);
  pool.release(a);
  pool.release(a);
  EXPECT_EQ(pool.acquire("c"), StringInterner::kOverflow) << "one too many were let in";
  EXPECT_EQ(pool.size(), 2u);
}

TEST(StringInterner, HasRoomAgainWhenATextGoes) {
  StringInterner pool(1, "(full)");
  pool.release(pool.acquire("a"));
  EXPECT_NE(pool.acquire("b"), StringInterner::kOverflow);
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
