#include "common/base/text.h"

#include <gtest/gtest.h>

namespace ops::tests {
namespace {

TEST(Text, CatJoinsAnythingPrintable) { EXPECT_EQ(cat("port ", 80, ' ', std::string("open")), "port 80 open"); }

TEST(Text, TrimTakesWhiteSpaceFromBothEndsOnly) {
  EXPECT_EQ(trim(" \t\r\n a b \v\f\n"), "a b");
  EXPECT_EQ(trim("a"), "a");
  EXPECT_EQ(trim(" \n "), "");
  EXPECT_EQ(trim(""), "");
}

TEST(Text, OneLineTurnsControlCharactersIntoSpaces) {
  EXPECT_EQ(one_line(std::string("a\nb\r\tc\0d\x1b[31m\x7f", 14)), "a b  c d [31m ");
}

TEST(Text, OneLineTurnsTheEightBitControlsOfTerminalsIntoSpaces) {
  EXPECT_EQ(one_line("a\xC2\x9B"
                     "31mb\xC2\x85"
                     "c"),
            "a  31mb  c");
  EXPECT_EQ(one_line("\xC2\xA0\xC3\x9B"), "\xC2\xA0\xC3\x9B");  // not control characters: a no-break space and a letter
}

TEST(Text, OneLineShowsTheNumbersOfInvisibleCharacters) {
  EXPECT_EQ(one_line("a\u202Egnp.exe"), "a<U+202E>gnp.exe");
  EXPECT_EQ(one_line("\u200B\u2028\u2029\u2066\uFEFF\u00AD"), "<U+200B><U+2028><U+2029><U+2066><U+FEFF><U+00AD>");
  EXPECT_EQ(one_line("\u061C"), "<U+061C>");
  EXPECT_EQ(one_line("\u202Ex", 6), "<U+202…") << "the number counts for the limit";
  EXPECT_EQ(one_line(one_line("\u202Ex")), one_line("\u202Ex"));
  EXPECT_EQ(one_line("\xE2\x80"), "\xE2\x80") << "not UTF-8";
}

TEST(Text, OneLineKeepsOtherCharacters) { EXPECT_EQ(one_line("größe 尺寸"), "größe 尺寸"); }

TEST(Text, OneLineCutsATextThatExceedsItsLimit) {
  EXPECT_EQ(one_line("abcd", 4), "abcd");
  EXPECT_EQ(one_line("abcde", 4), "abcd…");
}

TEST(Text, OneLineNeverCutsACharacterInTwo) {
  EXPECT_EQ(one_line("ab尺寸", 4), "ab…");
  EXPECT_EQ(one_line("ab尺寸", 5), "ab尺…");
  EXPECT_EQ(one_line("\x80\x80\x80", 2), "…");  // not UTF-8
}

TEST(Text, IsHexRequiresTheExactNumberOfDigits) {
  EXPECT_TRUE(is_hex("0123456789abcdefABCDEF0123456789", 32));
  EXPECT_FALSE(is_hex("0123456789abcdefABCDEF012345678", 32));
  EXPECT_FALSE(is_hex("0123456789abcdefABCDEF012345678g", 32));
  EXPECT_FALSE(is_hex(" 123", 4));
}

TEST(Text, ParseNumberTakesDigitsOnly) {
  EXPECT_EQ(parse_number("0"), 0U);
  EXPECT_EQ(parse_number("007"), 7U);
  EXPECT_EQ(parse_number("18446744073709551615"), UINT64_MAX);
  EXPECT_EQ(parse_number("fF", 16), 255U);
  for (const char* text : {"", " 1", "1 ", "+1", "-1", "0x1", "1.0", "1e3", "f", "１"}) {
    EXPECT_EQ(parse_number(text), std::nullopt) << text;
  }
}

TEST(Text, ParseNumberReturnsTheLargestForWhatDoesNotFit) {
  EXPECT_EQ(parse_number("18446744073709551616"), UINT64_MAX);
  EXPECT_EQ(parse_number(std::string(100, '9')), UINT64_MAX);
  EXPECT_EQ(parse_number("99999999999999999999x"), std::nullopt);
}

TEST(Text, NearestWordFindsTheMisspeltWord) {
  const std::set<std::string> words = {"prefix", "percent", "version", "tarball", "md5", "cmd"};
  for (const auto& [slip, meant] : {std::pair("prefx", "prefix"),
                                    {"Prefix", "prefix"},
                                    {"perfix", "prefix"},
                                    {"prefixes", "prefix"},
                                    {"percentage", "percent"},
                                    {"verison", "version"},
                                    {"tarbal", "tarball"}}) {
    EXPECT_EQ(nearest_word(slip, words), meant);
  }
  for (const std::string& other :
       {std::string(), std::string("x"), std::string("hosts"), std::string("comment"), std::string(100'000, 'p')}) {
    EXPECT_EQ(nearest_word(other, words), "") << other.substr(0, 10);
  }
  EXPECT_EQ(nearest_word("prefix", {}), "");
}

TEST(Text, ToLowerChangesAsciiOnly) { EXPECT_EQ(to_lower("Content-LENGTH Ä"), "content-length Ä"); }

}  // namespace
}  // namespace ops::tests
