// Configs as sites of the Go original and of its forks have them: URLs without a scheme, Basic auth.

#include <gtest/gtest.h>

#include "tests/support/boxes.h"
#include "tests/support/tarball.h"
#include "tests/support/wait.h"

namespace ops::tests {
namespace {

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

TEST(BasicAuth, OfTheServersUrlIsForHeartbeatsAndTarballsAndIsShownNowhere) {
  MetaBox meta;
  meta.publish("demo-agent", "1.0.0", demo_agent_tarball("one"));
  meta.set_http(R"(, "tokens": ["secret-1"])");
  ASSERT_TRUE(meta.start({})) << meta.log();
  ASSERT_TRUE(meta.desire({{"demo-agent", "1.0.0", "start", "", meta.address() + "/demo-agent"}})) << meta.log();
  UpdaterBox host("ann:secret-1@" + meta.address());
  ASSERT_TRUE(host.start()) << host.log();
  EXPECT_TRUE(eventually([&] { return host.running("demo-agent") == std::vector<std::string>{"1.0.0"}; })) << host.log();
  const std::string printed = host.log() + get(host.port(), "/config/reload").body + get(host.port(), "/agents").body +
                              meta.log();
  EXPECT_TRUE(contains(printed, "http://***@" + meta.address())) << printed;
  EXPECT_FALSE(contains(printed, "secret-1")) << printed;
}

}  // namespace
}  // namespace ops::tests
