#include "updater/model/layout.h"

#include <gtest/gtest.h>

namespace ops::updater {
namespace {

TEST(Layout, NamesTheFilesInAnAgentsFolder) {
  const Layout layout("/home/work/ops");
  EXPECT_EQ(layout.version_file("a"), "/home/work/ops/a/.version");
  EXPECT_EQ(layout.state_file("a"), "/home/work/ops/a/.state");
  EXPECT_EQ(layout.hold_file("a"), "/home/work/ops/a/.hold");
  EXPECT_EQ(layout.retry_file("a"), "/home/work/ops/a/.retry");
  EXPECT_EQ(layout.version("a", "1"), "/home/work/ops/a/1");
  EXPECT_EQ(layout.staged("a", "1"), "/home/work/ops/a/.staged-1");
  EXPECT_EQ(layout.download("a", "1"), "/home/work/ops/a/.download-1");
}

TEST(Layout, RefusesVarAndInvalidNamesAsAgents) {
  EXPECT_TRUE(may_be_agent("falcon-agent"));
  for (const char* name : {"var", "", ".", "..", "../x", "a/b", ".hidden", "a b", "-a", "a\n"}) {
    EXPECT_FALSE(may_be_agent(name)) << name;
  }
}

TEST(Layout, SplitsATarballsNameIntoNameAndVersion) {
  EXPECT_EQ(parse_tarball_name("falcon-agent-3.1.3.tar.gz"), (ReleaseName{"falcon-agent", "3.1.3"}));
  EXPECT_EQ(parse_tarball_name("node-exporter-1.5.0-rc1.tar.gz"), (ReleaseName{"node-exporter", "1.5.0-rc1"}));
  EXPECT_EQ(parse_tarball_name("falcon-agent-latest.tar.gz"), (ReleaseName{"falcon-agent", "latest"}));
  EXPECT_EQ(parse_tarball_name("falcon-agent-v3.1-rc.1.tar.gz"), (ReleaseName{"falcon-agent", "v3.1-rc.1"}));
  EXPECT_EQ(parse_tarball_name("node-exporter-1.5.0~rc1.tar.gz"), (ReleaseName{"node-exporter", "1.5.0~rc1"}));
  EXPECT_EQ(parse_tarball_name("node-vitals-v.tar.gz"), (ReleaseName{"node-vitals", "v"}));
  for (const char* name :
       {"", "a", "a.tar.gz", "a-1.tgz", "-1.tar.gz", "a-.tar.gz", "var-1.tar.gz", "a b-1.tar.gz", "a~b-1.tar.gz"}) {
    EXPECT_EQ(parse_tarball_name(name), std::nullopt) << name;
  }
}

}  // namespace
}  // namespace ops::updater
