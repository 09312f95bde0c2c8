// Config keys and values of the Go original and its forks: desiredAgent, URLs without a scheme, Basic authentication.

#include <gtest/gtest.h>
#include <signal.h>

#include "tests/support/boxes.h"
#include "tests/support/tarball.h"
#include "tests/support/text.h"
#include "tests/support/wait.h"

namespace ops::tests {
namespace {

TEST(DesiredAgent, IsTheOnlyAgentThatTheUpdaterManages) {
  MetaBox meta;
  meta.publish("one", "1.0.0", demo_agent_tarball("one"));
  meta.publish("two", "1.0.0", demo_agent_tarball("two"));
  ASSERT_TRUE(meta.start({{"one", "1.0.0"}, {"two", "1.0.0"}})) << meta.log();
  UpdaterBox host(meta.address(), {.more = R"(, "desiredAgent": "one")"});
  ASSERT_TRUE(host.start()) << host.log();
  const std::string held = R"("phase":"held")";
  const auto json = [&](const std::string& agent) {
    return meta.get("/status/host/h1").body + meta.get("/status/json/" + agent).body;
  };
  EXPECT_TRUE(eventually([&] { return contains(meta.status("one"), " started ") && contains(json("two"), held); }))
      << host.log() << json("two");
  EXPECT_TRUE(contains(json("two"), "this host's cfg.json has desiredAgent one")) << json("two");
  EXPECT_TRUE(list(host.agent("two")).empty());

  // Without desiredAgent the updater manages both agents. With it again, it leaves the other agent unchanged.
  const std::string config = read_file(host / "cfg.json");
  std::string all = config;
  all.replace(all.find("\"one\""), 5, "\"\"");
  write_file(host / "cfg.json", all);
  host.process().signal(SIGHUP);
  EXPECT_TRUE(eventually([&] { return contains(meta.status("two"), " started "); })) << host.log();
  write_file(host / "cfg.json", config);
  host.process().signal(SIGHUP);
  EXPECT_TRUE(eventually([&] { return contains(json("two"), held); })) << host.log();
  ASSERT_TRUE(meta.assign({{"one", "1.0.0", "stop"}, {"two", "1.0.0", "stop"}}));
  EXPECT_TRUE(eventually([&] { return host.running("one").empty(); })) << host.log();
  EXPECT_EQ(host.running("two"), std::vector<std::string>{"1.0.0"});
}

TEST(BasicAuth, InTheServersUrlServesHeartbeatsAndTarballsAndIsNeverPrinted) {
  MetaBox meta;
  meta.publish("demo-agent", "1.0.0", demo_agent_tarball("one"));
  meta.set_http(R"(, "tokens": ["secret-1"])");
  ASSERT_TRUE(meta.start({})) << meta.log();
  ASSERT_TRUE(meta.assign({{"demo-agent", "1.0.0", "start", "", meta.address() + "/demo-agent"}})) << meta.log();
  UpdaterBox host("ann:secret-1@" + meta.address());
  ASSERT_TRUE(host.start()) << host.log();
  EXPECT_TRUE(eventually([&] { return host.running("demo-agent") == std::vector<std::string>{"1.0.0"}; })) << host.log();
  const std::string printed = host.log() + get(host.port(), "/config/reload").body + get(host.port(), "/agents").body +
                              read_file(host / "var/app.poll") + meta.log();
  EXPECT_TRUE(contains(printed, "http://***@" + meta.address())) << printed;
  EXPECT_FALSE(contains(printed, "secret-1")) << printed;
}

}  // namespace
}  // namespace ops::tests
