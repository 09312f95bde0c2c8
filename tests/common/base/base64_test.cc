#include "common/base/base64.h"

#include <gtest/gtest.h>

namespace ops::tests {
namespace {

TEST(Base64, DecodesTheExamplesOfTheStandard) {
  EXPECT_EQ(decode_base64(""), "");
  EXPECT_EQ(decode_base64("Zg=="), "f");
  EXPECT_EQ(decode_base64("Zm8="), "fo");
  EXPECT_EQ(decode_base64("Zm9v"), "foo");
  EXPECT_EQ(decode_base64("Zm9vYg=="), "foob");
  EXPECT_EQ(decode_base64("Zm9vYmE="), "fooba");
  EXPECT_EQ(decode_base64("Zm9vYmFy"), "foobar");
}

TEST(Base64, DecodesEveryByte) { EXPECT_EQ(decode_base64("AP8Q+/8="), std::string("\x00\xff\x10\xfb\xff", 5)); }

TEST(Base64, RefusesATextThatNoEncoderWrites) {
  for (const char* text : {"Zg", "Zg=", "Zm8", "=", "==", "====", "Zm9v====", "Z===", "Zg==Zg==", "Zm9v\n", " Zm9v", "Zm 9",
                           "Zm9-", "Zh==" /* unused bits */, "Zm9=" /* unused bits */}) {
    EXPECT_EQ(decode_base64(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace ops::tests
