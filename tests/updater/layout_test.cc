#include "updater/layout.h"

#include <gtest/gtest.h>

namespace ops::updater {
namespace {

constexpr char kDigest[] = "0cc175b9c0f1b6a831c399e269772661";

DesiredAgent agent(const std::string& tarball, const std::string& md5 = "") {
  return {"falcon-agent", "3.1.3", tarball, md5, "start"};
}

TEST(Layout, NamesWhatIsInAnAgentsFolder) {
  const Layout layout("/home/work/ops");
  EXPECT_EQ(layout.version_file("a"), "/home/work/ops/a/.version");
  EXPECT_EQ(layout.state_file("a"), "/home/work/ops/a/.state");
  EXPECT_EQ(layout.hold_file("a"), "/home/work/ops/a/.hold");
  EXPECT_EQ(layout.retry_file("a"), "/home/work/ops/a/.retry");
  EXPECT_EQ(layout.version("a", "1"), "/home/work/ops/a/1");
  EXPECT_EQ(layout.staged("a", "1"), "/home/work/ops/a/.staged-1");
  EXPECT_EQ(layout.download("a", "1"), "/home/work/ops/a/.download-1");
}

TEST(Layout, TheUpdatersOwnFolderAndEvilNamesAreNoAgents) {
  EXPECT_TRUE(may_be_agent("falcon-agent"));
  for (const char* name : {"var", "", ".", "..", "../x", "a/b", ".hidden", "a b", "-a", "a\n"}) {
    EXPECT_FALSE(may_be_agent(name)) << name;
  }
}

TEST(Layout, UrlsHaveOneSlashBeforeTheFile) {
  EXPECT_EQ(tarball_url(agent("http://m:2000/falcon")), "http://m:2000/falcon/falcon-agent-3.1.3.tar.gz");
  EXPECT_EQ(tarball_url(agent("http://m:2000/falcon//")), "http://m:2000/falcon/falcon-agent-3.1.3.tar.gz");
}

TEST(Layout, TheChecksumIsBesideTheTarballUnlessMd5SaysElse) {
  EXPECT_EQ(checksum_url(agent("http://m/t")), "http://m/t/falcon-agent-3.1.3.tar.gz.md5");
  EXPECT_EQ(checksum_url(agent("http://m/t", "http://n/s/")), "http://n/s/falcon-agent-3.1.3.tar.gz.md5");
}

TEST(Layout, OnlyWhatIs32HexDigitsIsAChecksum) {
  EXPECT_EQ(given_checksum(agent("t", kDigest)), kDigest);
  EXPECT_EQ(given_checksum(agent("t", "0CC175B9C0F1B6A831C399E269772661")), kDigest);
  for (const std::string& md5 : {std::string(), std::string("http://n/s"), std::string(kDigest) + "0",
                                 std::string(kDigest).substr(1), std::string(31, 'a') + "g"}) {
    EXPECT_EQ(given_checksum(agent("t", md5)), "") << md5;
  }
}

TEST(Layout, FillsInThePlatformWhereverItIsAskedFor) {
  const std::string os = platform().substr(0, platform().find('_'));
  const std::string arch = platform().substr(platform().find('_') + 1);
  EXPECT_EQ(os, "linux");
  EXPECT_EQ(tarball_url(agent("http://m/{os}/{arch}/{os}-{arch}")),
            "http://m/linux/" + arch + "/linux-" + arch + "/falcon-agent-3.1.3.tar.gz");
  EXPECT_EQ(checksum_url(agent("t", "http://n/{arch}")), "http://n/" + arch + "/falcon-agent-3.1.3.tar.gz.md5");
  EXPECT_EQ(tarball_url(agent("http://m/{cpu}/{os")), "http://m/{cpu}/{os/falcon-agent-3.1.3.tar.gz");
}

TEST(Layout, ATarballsNameIsTakenApart) {
  EXPECT_EQ(parse_tarball_name("falcon-agent-3.1.3.tar.gz"), (ReleaseName{"falcon-agent", "3.1.3"}));
  EXPECT_EQ(parse_tarball_name("node-exporter-1.5.0-rc1.tar.gz"), (ReleaseName{"node-exporter", "1.5.0-rc1"}));
  EXPECT_EQ(parse_tarball_name("falcon-agent-latest.tar.gz"), (ReleaseName{"falcon-agent", "latest"}));
  for (const char* name : {"", "a", "a.tar.gz", "a-1.tgz", "-1.tar.gz", "a-.tar.gz", "var-1.tar.gz", "a b-1.tar.gz"}) {
    EXPECT_EQ(parse_tarball_name(name), std::nullopt) << name;
  }
}

}  // namespace
}  // namespace ops::updater
