#include "common/protocol/release.h"

#include <gtest/gtest.h>

namespace ops::tests {
namespace {

constexpr char kDigest[] = "0cc175b9c0f1b6a831c399e269772661";

DesiredAgent agent(const std::string& tarball, const std::string& md5 = "") {
  return {"falcon-agent", "3.1.3", tarball, md5, "start"};
}

TEST(Release, UrlsHaveOneSlashBeforeTheFile) {
  EXPECT_EQ(tarball_url(agent("http://m:2000/falcon")), "http://m:2000/falcon/falcon-agent-3.1.3.tar.gz");
  DesiredAgent plus = agent("http://m/a+b");
  plus.version = "1.0+git";
  EXPECT_EQ(tarball_url(plus), "http://m/a+b/falcon-agent-1.0%2Bgit.tar.gz") << "S3 takes a plain + for a blank";
  EXPECT_EQ(checksum_url(plus), "http://m/a+b/falcon-agent-1.0%2Bgit.tar.gz.md5");
  EXPECT_EQ(tarball_url(agent("http://m:2000/falcon//")), "http://m:2000/falcon/falcon-agent-3.1.3.tar.gz");
}

TEST(Release, FileNamesGoToTheirPlaceInTheUrl) {
  DesiredAgent given = agent("https://b/get?name={file}&sig=x%2Fy/", "https://b/{file}/sums");
  EXPECT_EQ(tarball_url(given), "https://b/get?name=falcon-agent-3.1.3.tar.gz&sig=x%2Fy/");
  EXPECT_EQ(signature_url(given), "https://b/get?name=falcon-agent-3.1.3.tar.gz.minisig&sig=x%2Fy/");
  EXPECT_EQ(checksum_url(given), "https://b/falcon-agent-3.1.3.tar.gz.md5/sums");
  given.md5 = "";
  given.version = "1+2";
  EXPECT_EQ(checksum_url(given), "https://b/get?name=falcon-agent-1%2B2.tar.gz.md5&sig=x%2Fy/");
}

TEST(Release, HasASourceForEachMirror) {
  DesiredAgent given = agent("http://a");
  given.mirrors = {"http://b", "http://c/?{file}"};
  std::string urls;
  for (const DesiredAgent& source : sources_of(given)) urls += tarball_url(source) + " " + checksum_url(source) + "\n";
  EXPECT_EQ(urls,
            "http://a/falcon-agent-3.1.3.tar.gz http://a/falcon-agent-3.1.3.tar.gz.md5\n"
            "http://b/falcon-agent-3.1.3.tar.gz http://b/falcon-agent-3.1.3.tar.gz.md5\n"
            "http://c/?falcon-agent-3.1.3.tar.gz http://c/?falcon-agent-3.1.3.tar.gz.md5\n");
}

TEST(Release, ABaseWithoutASchemeIsHttp) {
  EXPECT_EQ(tarball_url(agent("10.0.0.1:2000/falcon")), "http://10.0.0.1:2000/falcon/falcon-agent-3.1.3.tar.gz");
  EXPECT_EQ(tarball_url(agent("HTTP://m/Falcon")), "http://m/Falcon/falcon-agent-3.1.3.tar.gz");
  EXPECT_EQ(checksum_url(agent("t", "m:2000/md5")), "http://m:2000/md5/falcon-agent-3.1.3.tar.gz.md5");
}

TEST(Release, ChecksumUrlIsBelowMd5OrElseBelowTheTarballUrl) {
  EXPECT_EQ(checksum_url(agent("http://m/t")), "http://m/t/falcon-agent-3.1.3.tar.gz.md5");
  EXPECT_EQ(checksum_url(agent("http://m/t", "http://n/s/")), "http://n/s/falcon-agent-3.1.3.tar.gz.md5");
}

TEST(Release, OnlyATextOf32HexDigitsIsAChecksum) {
  EXPECT_EQ(given_checksum(agent("t", kDigest)), kDigest);
  EXPECT_EQ(given_checksum(agent("t", "0CC175B9C0F1B6A831C399E269772661")), kDigest);
  for (const std::string& md5 : {std::string(), std::string("http://n/s"), std::string(kDigest) + "0",
                                 std::string(kDigest).substr(1), std::string(31, 'a') + "g"}) {
    EXPECT_EQ(given_checksum(agent("t", md5)), "") << md5;
  }
}

TEST(Release, ReplacesEveryPlatformPlaceholder) {
  const std::string os = platform().substr(0, platform().find('_'));
  const std::string arch = platform().substr(platform().find('_') + 1);
  EXPECT_EQ(os, "linux");
  EXPECT_EQ(tarball_url(agent("http://m/{os}/{arch}/{os}-{arch}")),
            "http://m/linux/" + arch + "/linux-" + arch + "/falcon-agent-3.1.3.tar.gz");
  EXPECT_EQ(checksum_url(agent("t", "http://n/{arch}")), "http://n/" + arch + "/falcon-agent-3.1.3.tar.gz.md5");
  EXPECT_EQ(tarball_url(agent("http://m/{cpu}/{os")), "http://m/{cpu}/{os/falcon-agent-3.1.3.tar.gz");
}

}  // namespace
}  // namespace ops::tests
