// The attacks by download in common/README.md's table of attacks: the updater stops them in any configuration.

#include <signal.h>

#include "tests/e2e/attack_fixture.h"

namespace ops::tests {
namespace {

using std::chrono::seconds;

/// Attacks that the updater stops in any configuration. The tarballs may even have the owner's signature.
struct AttackByDownload : Attack {
  /// Serves `reply` as demo-agent 1.1.0. Expects that the updater logs `why` and that 1.0.0 keeps running.
  void expect_stopped(const std::string& reply, const std::string& why) {
    const std::string file = "demo-agent-1.1.0.tar.gz";
    release(web, "demo-agent", "1.0.0", demo_agent_tarball("one"));
    web.serve(file, reply);
    web.serve(file + ".md5", http_reply(200, md5));
    Host host(web, "");
    web.assign({{"demo-agent", "1.1.0"}});
    expect_rejected(host, why);
    EXPECT_FALSE(exists(host.agent("demo-agent") + "/1.1.0"));
  }

  FakeMeta web;
  std::string md5 = md5_hex("");
};

TEST_F(AttackByDownload, WithATooLargeContentLengthIsStoppedBeforeTheDownload) {
  expect_stopped(http_head(200, {{"Content-Length", "3000000000"}}) + std::string(1000, 'x'),
                 "it has 3000000000 bytes, the limit is 2147483648");
}

TEST_F(AttackByDownload, ThatIsSlowDelaysNoOtherAgentAndIsGivenUp) {
  release(web, "demo-agent", "1.0.0", demo_agent_tarball("one"));
  FakeServer slow([](const FakeRequest& request, const FakePeer& peer) {
    if (request.target.ends_with(".md5")) return void(peer.send(http_reply(200, md5_hex("never"))));
    peer.send(http_head(200, {{"Content-Length", "1000000"}}));
    peer.drip(std::string(1000000, 'x'), std::chrono::milliseconds(100));
  });
  Host host(web, "");
  web.assign({{"demo-agent", "1.0.0"}, {"slow-agent", "1.0.0", "start", "", slow.url("/t")}});
  ASSERT_TRUE(eventually([&] { return web.reported("updates", "slow-agent", "phase") == "downloading"; })) << host.log();
  const size_t before = web.heartbeats();
  ::kill(host.pid, SIGKILL);
  EXPECT_TRUE(eventually([&] { return host.runs("1.0.0") && host.agent_pid("demo-agent", "1.0.0") != host.pid; }));
  EXPECT_TRUE(eventually([&] { return web.heartbeats() >= before + 3; }));
  EXPECT_TRUE(eventually([&] { return contains(host.log(), "Operation too slow. Less than 1024 bytes/sec"); }, seconds(120)))
      << host.log();
}

TEST_F(AttackByDownload, WithALinkOutOfItsFolderIsNotUnpacked) {
  const std::string escape = make_tarball({{"control", "#!/bin/sh\n", 0755, Entry::Kind::file},
                                           {"up", "../..", 0777, Entry::Kind::symlink},
                                           {"up/evil", "evil", 0644, Entry::Kind::file}});
  md5 = md5_hex(escape);
  expect_stopped(http_reply(200, escape), "\"up\" is a link that leads out");
}

TEST_F(AttackByDownload, WithADecompressionBombIsNotUnpacked) {
  const std::string bomb = make_agent_tarball("#!/bin/sh\n", {{"zeros", std::string(64 << 20, '\0')}});
  md5 = md5_hex(bomb);
  expect_stopped(http_reply(200, bomb), "more than 200 times its size");
}

}  // namespace
}  // namespace ops::tests
