// Two machines with one hostname, such as clones.

#include <gtest/gtest.h>

#include "tests/support/boxes.h"
#include "tests/support/promtool.h"
#include "tests/support/tarball.h"
#include "tests/support/text.h"
#include "tests/support/wait.h"

namespace ops::tests {
namespace {

TEST(DuplicateName, IsShownAndTakesPartInNoRollout) {
  MetaBox meta;
  for (const std::string version : {"1.0.0", "2.0.0"}) meta.publish("demo-agent", version, demo_agent_tarball());
  ASSERT_TRUE(meta.start({{"demo-agent", "1.0.0"}})) << meta.log();
  UpdaterBox host(meta.address());
  ASSERT_TRUE(host.start()) << host.log();
  ASSERT_TRUE(eventually([&] { return meta.status("demo-agent").starts_with("h1 1.0.0 started "); })) << host.log();
  const auto number_of_duplicates = [&] { return sample(meta.get("/metrics").body, "ops_meta_duplicate_hosts"); };
  EXPECT_EQ(number_of_duplicates(), 0);
  UpdaterBox clone(meta.address());
  ASSERT_TRUE(clone.start()) << clone.log();
  EXPECT_TRUE(eventually([&] { return number_of_duplicates() == 1; })) << meta.log();
  EXPECT_TRUE(contains(meta.get("/status/host/h1").body, "\"duplicate\":true"));
  EXPECT_TRUE(contains(meta.get("/status/summary").body, R"("duplicates":{"hosts":1,"examples":["h1"]})"));
  ASSERT_TRUE(meta.assign({{"demo-agent", "2.0.0"}}));
  EXPECT_TRUE(meta.receives_heartbeats(6));
  EXPECT_EQ(host.version("demo-agent"), "1.0.0");
  EXPECT_NE(clone.version("demo-agent"), "2.0.0");
  EXPECT_TRUE(contains(meta.get("/explain/h1").body, "two machines send heartbeats under this hostname")) << meta.log();
  EXPECT_EQ(count_of(meta.log(), "warning two machines send heartbeats as host h1"), 1u) << meta.log();
}

}  // namespace
}  // namespace ops::tests
