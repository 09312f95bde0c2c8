// Hosts that reach the tarballs through a proxy.

#include <gtest/gtest.h>

#include "tests/support/fake_meta.h"
#include "tests/support/tarball.h"
#include "tests/support/text.h"
#include "tests/support/wait.h"

namespace ops::tests {
namespace {

/// A proxy that answers for http://releases.invalid, which has a release of demo-agent, and forwards heartbeats to ops-meta.
struct DownloadProxy : testing::Test {
  DownloadProxy() {
    meta.assign({{"demo-agent", "1.0.0", "start", "", "http://releases.invalid/t"}});
    meta.publish("demo-agent", "1.0.0", tarball);
  }

  void answer(const FakeRequest& request, const FakePeer& peer) const {
    if (request.target == kTarball) return (void)peer.send(http_reply(200, tarball));
    if (request.target == std::string(kTarball) + ".md5") return (void)peer.send(http_reply(200, md5_hex(tarball)));
    if (request.target.ends_with("/heartbeat")) {
      return (void)peer.send(
          http_reply(200, meta.reply_for({{"demo-agent", "1.0.0", "start", "", "http://releases.invalid/t"}})));
    }
    peer.send(http_reply(404, ""));
  }
  std::string secret_proxy() const { return "http://ann:s3cret@" + proxy.address(); }
  static bool runs(const UpdaterBox& host) {
    return eventually([&] { return host.version("demo-agent") == "1.0.0" && host.agent_pid("demo-agent", "1.0.0") > 0; });
  }
  bool logs(const UpdaterBox& host, const std::string& text) const {
    return eventually([&] { return contains(host.log(), text); });
  }

  static constexpr char kTarball[] = "http://releases.invalid/t/demo-agent-1.0.0.tar.gz";
  const std::string tarball = demo_agent_tarball();
  FakeMeta meta;
  FakeServer proxy{[this](const FakeRequest& request, const FakePeer& peer) { answer(request, peer); }};
};

TEST_F(DownloadProxy, CarriesTarballsAndNoHeartbeats) {
  UpdaterBox host(meta.address(), {.more = ", \"proxy\": \"" + secret_proxy() + "\""});
  ASSERT_TRUE(host.start()) << host.log();
  EXPECT_TRUE(runs(host)) << host.log();
  EXPECT_EQ(proxy.count(kTarball), 1U);
  EXPECT_EQ(proxy.requests().back().header("Proxy-Authorization"), "Basic YW5uOnMzY3JldA==");
  EXPECT_EQ(proxy.count(meta.url("/heartbeat")), 0U);
  EXPECT_GT(meta.heartbeats(), 0U);
}

TEST_F(DownloadProxy, CarriesHeartbeatsWhenTold) {
  UpdaterBox host("ops-meta.invalid:2000", {.more = ", \"proxyHeartbeats\": true, \"proxy\": \"" + secret_proxy() + "\""});
  ASSERT_TRUE(host.start()) << host.log();
  EXPECT_TRUE(runs(host)) << host.log();
  EXPECT_GT(proxy.count("http://ops-meta.invalid:2000/heartbeat"), 0U);
}

TEST_F(DownloadProxy, ComesFromTheEnvironmentWithoutTheKey) {
  UpdaterBox host(meta.address());
  ASSERT_TRUE(host.start_under({"env", "http_proxy=" + secret_proxy(), "no_proxy=other.invalid"})) << host.log();
  EXPECT_TRUE(runs(host)) << host.log();
  EXPECT_EQ(proxy.count(kTarball), 1U);
}

TEST_F(DownloadProxy, OfTheEnvironmentIsNotUsedForThisMachine) {
  meta.assign({{"demo-agent", "1.0.0"}});
  UpdaterBox host(meta.address());
  ASSERT_TRUE(host.start_under({"env", "http_proxy=http://127.0.0.1:1"})) << host.log();
  EXPECT_TRUE(runs(host)) << host.log();
}

TEST_F(DownloadProxy, OfTheEnvironmentIsReplacedByTheKeys) {
  UpdaterBox host(meta.address(), {.more = R"(, "proxy": "")"});
  ASSERT_TRUE(host.start_under({"env", "http_proxy=" + secret_proxy()})) << host.log();
  EXPECT_TRUE(logs(host, "http://releases.invalid/t/demo-agent-1.0.0.tar.gz.md5: Could not resolve host")) << host.log();
  UpdaterBox exempt(meta.address(), {.more = R"(, "noProxy": ".invalid")"});
  ASSERT_TRUE(exempt.start_under({"env", "http_proxy=" + secret_proxy()})) << exempt.log();
  EXPECT_TRUE(logs(exempt, "http://releases.invalid/t/demo-agent-1.0.0.tar.gz.md5: Could not resolve host")) << exempt.log();
  EXPECT_TRUE(proxy.requests().empty());
}

TEST_F(DownloadProxy, HasItsPasswordShownNowhere) {
  proxy.set_handler([](const FakeRequest&, const FakePeer& peer) { peer.send(http_reply(407, "")); });
  UpdaterBox host(meta.address(), {.more = ", \"proxy\": \"" + secret_proxy() + "\""});
  host.add_control();
  ASSERT_TRUE(host.start()) << host.log();
  const auto reported = [&] { return meta.reported("updates", "demo-agent", "error"); };
  EXPECT_TRUE(eventually([&] { return contains(reported(), "407 through the proxy http://ann:***@"); })) << reported();
  std::string shown = host.log() + reported() + host.run_control({"check"}).output + host.run_control({"status", "-v"}).output;
  for (const char* path : {"/agents", "/config/reload", "/metrics"}) shown += get(host.port(), path).body;
  EXPECT_FALSE(contains(shown, "s3cret")) << shown;
  EXPECT_TRUE(contains(shown, "\"proxy\":\"http://ann:***@")) << shown;
}

}  // namespace
}  // namespace ops::tests
