#include "common/protocol/url.h"

#include <gtest/gtest.h>

namespace ops::tests {
namespace {

std::string base_url(const std::string& text) { return read_base_url(text).value_or("nothing"); }

TEST(Url, GetsASchemeAsWithWget) {
  for (const std::string good : {"http://m", "https://m/falcon", "http://u:p@m", "http://[::1]:2000/x"}) {
    EXPECT_EQ(base_url(good), good);
  }
  EXPECT_EQ(base_url("HTTP://M/Falcon"), "http://M/Falcon");
  EXPECT_EQ(base_url("Https://m"), "https://m");
  for (const std::string bare : {"10.0.0.1:2000/falcon", "m:2000/falcon", "m.example/falcon", "u:p@m:2000/x", "[::1]:80/x"}) {
    EXPECT_EQ(base_url(bare), "http://" + bare);
  }
}

TEST(Url, IsRefusedWhenItIsProbablyAMistake) {
  for (const std::string mistake :
       {"", "falcon", "/falcon", "./falcon", "../falcon", "m/falcon", "http:/m/falcon", "http//m/falcon", "u:p@m/x",
        ":2000/falcon", "m:/falcon", "ftp://m/falcon", "file:///falcon", "0cc1", "://m"}) {
    EXPECT_EQ(base_url(mistake), "nothing") << mistake;
  }
}

TEST(Url, IsSplitFromItsUser) {
  const auto parts = [](const std::string& url) {
    const UrlParts split = split_user(url);
    return split.url + " " + split.user;
  };
  EXPECT_EQ(parts("http://m:2000/x@y"), "http://m:2000/x@y ");
  EXPECT_EQ(parts("http://ann:secret@m:2000/x"), "http://m:2000/x ann:secret");
  EXPECT_EQ(parts("http://ann:a@b@m"), "http://m ann:a@b");
  EXPECT_EQ(parts("http://ann:a%2Fb%40%3a%@m"), "http://m ann:a/b@:%");
  EXPECT_EQ(parts("http://token@m?a@b"), "http://m?a@b token");
}

TEST(Url, IsPercentDecoded) {
  EXPECT_EQ(percent_decode("a%20b%2F%e4"), "a b/\xe4");
  EXPECT_EQ(percent_decode("%"), "%");
  EXPECT_EQ(percent_decode("%4"), "%4");
  EXPECT_EQ(percent_decode("%zz%41"), "%zzA");
}

TEST(Url, IsPrintedWithoutItsPassword) {
  EXPECT_EQ(without_secrets("http://m:2000/x@y"), "http://m:2000/x@y");
  EXPECT_EQ(without_secrets("http://ann:secret@m:2000/x"), "http://ann:***@m:2000/x");
  EXPECT_EQ(without_secrets("http://ann:sec:r@et@m"), "http://ann:***@m");
  EXPECT_EQ(without_secrets("http://token@m:2000"), "http://***@m:2000");
  EXPECT_EQ(without_secrets("ann:secret@m:2000/x"), "ann:***@m:2000/x");
}

TEST(Url, IsPrintedWithoutItsQuery) {
  EXPECT_EQ(without_secrets("https://m/x?"), "https://m/x?");
  EXPECT_EQ(without_secrets("https://m/x?sig=secret/a@b&c"), "https://m/x?…");
  EXPECT_EQ(without_secrets("https://ann:pw@m?sig=secret#part"), "https://ann:***@m?…#part");
  EXPECT_EQ(without_secrets("https://ann:p?w@m/x"), "https://ann:p?…");
  EXPECT_EQ(without_secrets("https://m/{file}?sig=secret"), "https://m/{file}?…");
  EXPECT_EQ(without_secrets("https://m/x?name={file}&sig=secret"), "https://m/x?…{file}…");
  EXPECT_EQ(without_secrets("https://m/x#a?b"), "https://m/x#a?b") << "a fragment";
}

TEST(Url, HasItsQueryMaskedInOtherTexts) {
  const std::string url = "https://m/x?name=a-1.tar.gz&v=2&sig=sec%2Fret%2B12";
  EXPECT_EQ(mask_secrets("no such file: " + url, url), "no such file: https://m/x?…");
  EXPECT_EQ(mask_secrets("a-1.tar.gz: sig sec/ret+12 (sec%2Fret%2B12), 2 faults", url), "a-1.tar.gz: sig *** (***), 2 faults");
}

TEST(Url, HasItsPasswordMaskedInOtherTexts) {
  const std::string url = "http://ann:a%2Fbc@m:2000/x";
  EXPECT_EQ(mask_secrets("bad syntax in 'http://ann:a%2Fbc@m:2000'", url), "bad syntax in 'http://***@m:2000'");
  EXPECT_EQ(mask_secrets("ann sent a/bc and a%2Fbc", url), "ann sent *** and ***");
  EXPECT_EQ(mask_secrets("refused: Basic YW5uOmEvYmM=", url), "refused: Basic ***");
  EXPECT_EQ(mask_secrets("ann", "http://ann:b@m"), "ann") << "a secret of less than 4 bytes would be in other words";
  EXPECT_EQ(mask_secrets("text", "http://m"), "text");
}

}  // namespace
}  // namespace ops::tests
