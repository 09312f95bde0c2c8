#include "common/tls/constant_time.h"

#include <gtest/gtest.h>

namespace ops::tests {
namespace {

using namespace std::string_view_literals;

TEST(ConstantTime, ComparesEveryByteAndTheLength) {
  EXPECT_TRUE(is_equal_in_constant_time("", ""));
  EXPECT_TRUE(is_equal_in_constant_time("token", "token"));
  EXPECT_TRUE(is_equal_in_constant_time("a\0b"sv, "a\0b"sv));
  for (const auto other : {""sv, "toke"sv, "token2"sv, "Token"sv, "tokem"sv, "tok\0n"sv}) {
    EXPECT_FALSE(is_equal_in_constant_time("token", other)) << other;
    EXPECT_FALSE(is_equal_in_constant_time(other, "token")) << other;
  }
  EXPECT_FALSE(is_equal_in_constant_time("a\0b"sv, "a\0c"sv));
}

}  // namespace
}  // namespace ops::tests
