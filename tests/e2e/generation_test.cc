// An updater does not obey an ops-meta that another one has replaced (heartbeat.h, `generation`).

#include <gtest/gtest.h>

#include "tests/support/fake_meta.h"
#include "tests/support/tarball.h"
#include "tests/support/text.h"
#include "tests/support/wait.h"

namespace ops::tests {
namespace {

/// A reply that assigns the agent in this version, of an ops-meta of this generation.
std::string reply(const FakeMeta& meta, const std::string& version, int generation) {
  const std::string agents = meta.reply_for({{"demo-agent", version}});
  return http_reply(200, agents.substr(0, agents.rfind('}')) + ", \"generation\": " + std::to_string(generation) + "}");
}

TEST(Generation, OfAnOlderReplyChangesNothingAlsoAfterARestart) {
  FakeMeta meta;
  for (const char* version : {"1.0.0", "2.0.0"}) meta.publish("demo-agent", version, demo_agent_tarball(version));
  meta.answer(reply(meta, "2.0.0", 4));
  UpdaterBox host(meta.address());
  ASSERT_TRUE(host.start()) << host.log();
  ASSERT_TRUE(eventually([&] { return host.running("demo-agent") == std::vector<std::string>{"2.0.0"}; })) << host.log();
  EXPECT_EQ(read_file(host / "var/app.generation"), "4\n");

  meta.answer(reply(meta, "1.0.0", 3));
  const std::string refusal = "the reply has generation 3, an earlier reply had 4: another ops-meta leads";
  ASSERT_TRUE(eventually([&] { return contains(host.log(), refusal); })) << host.log();
  EXPECT_EQ(host.process().stop(), 0);
  write_file(host / "var/app.log", "");
  ASSERT_TRUE(host.start()) << host.log();
  ASSERT_TRUE(eventually([&] { return contains(host.log(), refusal); })) << host.log();
  EXPECT_EQ(host.version("demo-agent"), "2.0.0");
  EXPECT_EQ(meta.fetches("demo-agent-1.0.0.tar.gz"), 0U);

  meta.answer(reply(meta, "1.0.0", 5));
  EXPECT_TRUE(eventually([&] { return host.running("demo-agent") == std::vector<std::string>{"1.0.0"}; })) << host.log();
}

}  // namespace
}  // namespace ops::tests
