// The table of attacks in common/README.md, one test per row. Each test runs the attack against the real daemons: first without
// any protection, to show that the attack works, then with each protection that the table names.

#include <mutex>

#include "tests/e2e/attack_fixture.h"

namespace ops::tests {
namespace {

constexpr char kTokens[] = R"(, "tokens": ["host-token"], "adminTokens": ["admin-token"])";
const HeaderFields kHost{{"Authorization", "Bearer host-token"}};

// The attacker answers in place of ops-meta.
TEST_F(Attack, ByAManInTheMiddleIsStoppedByTlsAndBySignatures) {
  FakeMeta man;
  const std::string evil = evil_tarball();
  man.publish("demo-agent", "6.6.6", evil);
  man.assign({{"demo-agent", "6.6.6"}});
  UpdaterBox open(man.address(), {.more = R"(, "token": "host-token")"});
  ASSERT_TRUE(open.start());
  EXPECT_TRUE(runs_evil(open)) << "a token alone does not protect the host";

  release(man, "demo-agent", "1.0.0", demo_agent_tarball("one"));
  Host host(man, signed_by(owner));
  man.assign({{"demo-agent", "6.6.6"}});
  expect_rejected(host, "demo-agent-6.6.6.tar.gz.minisig: HTTP status 404");

  // The attacker has a certificate of another CA.
  const Authority ours;
  const Authority foreign("Foreign CA");
  MetaBox sealed_man;
  sealed_man.publish("demo-agent", "6.6.6", evil);
  sealed_man.set_tls(foreign.issue("meta"));
  ASSERT_TRUE(sealed_man.start({{"demo-agent", "6.6.6"}}));
  UpdaterBox sealed(sealed_man.url(), {.more = tls_config(ours.cert())});
  ASSERT_TRUE(sealed.start());
  EXPECT_TRUE(eventually([&] { return contains(sealed.log(), "which is not in " + ours.cert()); })) << sealed.log();
  UpdaterBox careless(sealed_man.url(), {.more = tls_config(foreign.cert())});
  ASSERT_TRUE(careless.start());
  EXPECT_TRUE(runs_evil(careless)) << "a host that trusts the attacker's CA is not protected";
  EXPECT_FALSE(exists(sealed / "evil"));
}

TEST_F(Attack, ByAnEavesdropperGetsTheTokenUnlessThereIsTls) {
  std::mutex mutex;
  std::string heard;
  FakeServer man([&](const FakeRequest& request, const FakePeer& peer) {
    const std::lock_guard lock(mutex);
    heard += request.bytes;
    peer.send(http_reply(500, "no"));
  });
  const auto hears = [&](const std::string& text) {
    const std::lock_guard lock(mutex);
    return contains(heard, text);
  };
  const Authority ours;
  const std::string more = tls_config(ours.cert()) + R"(, "token": "host-token")";
  UpdaterBox sealed("https://" + man.address(), {.more = more});
  ASSERT_TRUE(sealed.start());
  EXPECT_TRUE(eventually([&] { return contains(sealed.log(), "no answer from ops-meta"); }));
  EXPECT_FALSE(hears("host-token"));
  UpdaterBox open(man.address(), {.more = more});
  ASSERT_TRUE(open.start());
  EXPECT_TRUE(eventually([&] { return hears("host-token"); }));
}

// The attacker controls the tarball server; the owner controls ops-meta.
TEST_F(Attack, OnTheTarballServerIsStoppedBySignaturesOnly) {
  FakeMeta web;
  const Authority ca;
  const Issued own = ca.issue("meta");
  MetaBox meta;
  meta.set_http(kTokens + (R"(, "tls": {"cert": ")" + own.cert + R"(", "key": ")" + own.key + "\"}"));
  release(web, "demo-agent", "1.0.0", demo_agent_tarball("one"));
  // Without rollout limits: otherwise the host that refuses the release could hold the lease that the other host needs.
  const TestAgent good{"demo-agent", "1.0.0", "start", "", web.url("/t"), R"(, "rollout": {"parallel": 0})"};
  TestAgent next = good;
  next.version = "1.1.0";
  const std::string access = tls_config(ca.cert()) + R"(, "token": "host-token")";
  ASSERT_TRUE(meta.start({good})) << meta.log();
  UpdaterBox open("https://" + meta.address(), {.hostname = "h1", .more = access});
  UpdaterBox host("https://" + meta.address(), {.hostname = "h2", .more = access + signed_by(owner)});
  const std::vector<std::string> first{"1.0.0"};
  for (UpdaterBox* box : {&open, &host}) {
    ASSERT_TRUE(box->start() && eventually([&] { return box->running("demo-agent") == first; })) << box->log();
  }
  const Minisign thief;
  const std::string file = "demo-agent-1.1.0.tar.gz";
  const TempDir den;
  write_file(den / file, evil_tarball());
  web.publish("demo-agent", "1.1.0", evil_tarball());
  web.serve(file + ".minisig", http_reply(200, thief.sign(den / file)));
  ASSERT_TRUE(meta.assign({next}));
  EXPECT_TRUE(runs_evil(open)) << "TLS to ops-meta and tokens do not protect the host: " << open.log();
  EXPECT_TRUE(eventually([&] {
    return contains(host.log(), "is signed by key " + thief.key_id() + ", expected " + owner.key_id());
  })) << host.log();
  EXPECT_FALSE(exists(host / "evil"));
  EXPECT_EQ(host.running("demo-agent"), first);
}

TEST_F(Attack, OnOpsMetaRunsNoForeignCodeWithSignaturesButCanStopAndDowngradeAgents) {
  FakeMeta stolen;
  release(stolen, "demo-agent", "1.0.0", demo_agent_tarball("one"));
  release(stolen, "demo-agent", "1.1.0", demo_agent_tarball("two"));
  stolen.publish("demo-agent", "6.6.6", evil_tarball());
  stolen.serve("demo-agent-6.6.6.tar.gz.minisig", http_reply(200, signature("demo-agent-1.1.0.tar.gz")));
  Host open(stolen, "");
  Host host(stolen, signed_by(owner));
  stolen.assign({{"demo-agent", "6.6.6"}});
  EXPECT_TRUE(runs_evil(open)) << open.log();
  expect_rejected(host, "is signed for another file");

  stolen.assign({{"demo-agent", "1.1.0"}});
  EXPECT_TRUE(eventually([&] { return host.runs("1.1.0"); })) << host.log();
  stolen.assign({{"demo-agent", "1.0.0"}});
  EXPECT_TRUE(eventually([&] { return host.runs("1.0.0"); })) << "an older signed release is accepted: " << host.log();
  stolen.assign({{"demo-agent", "1.0.0", "stop"}});
  EXPECT_TRUE(eventually([&] { return host.running("demo-agent").empty(); })) << host.log();
}

// A foreign machine in the same network sends requests to ops-meta.
TEST_F(Attack, ByARogueHostIsStoppedByTokens) {
  const std::string lie = R"({"hostname":"ghost","realAgents":[{"name":"demo-agent","version":"1.0.0","status":"started"}]})";
  const std::string tarball = "/demo-agent/demo-agent-1.0.0.tar.gz";
  MetaBox meta;
  meta.publish("demo-agent", "1.0.0", demo_agent_tarball());
  ASSERT_TRUE(meta.start({{"demo-agent", "1.0.0"}}));
  EXPECT_EQ(http(meta.port(), "POST", "/heartbeat", lie).status, 200);
  EXPECT_EQ(meta.get(tarball).status, 200);
  EXPECT_TRUE(contains(meta.status("demo-agent"), "ghost 1.0.0 started"));

  meta.set_http(kTokens);
  ASSERT_TRUE(meta.assign({{"demo-agent", "1.0.0"}}));
  EXPECT_EQ(http(meta.port(), "POST", "/heartbeat", lie).status, 401);
  EXPECT_EQ(meta.get(tarball).status, 401);
  EXPECT_EQ(meta.get("/status/text/demo-agent").status, 401);
}

TEST_F(Attack, ByARogueHostIsStoppedByClientCertificates) {
  const Authority ca;
  MetaBox meta;
  meta.publish("demo-agent", "1.0.0", demo_agent_tarball());
  meta.set_tls(ca.issue("meta"), ca.cert());
  ASSERT_TRUE(meta.start({{"demo-agent", "1.0.0"}}));
  UpdaterBox rogue(meta.url(), {.hostname = "ghost", .more = tls_config(ca.cert())});
  ASSERT_TRUE(rogue.start());
  EXPECT_TRUE(eventually([&] { return contains(rogue.log(), "a certificate is missing: "); })) << rogue.log();
  EXPECT_FALSE(contains(meta.get_as_owner("/status/text/demo-agent").body, "ghost"));
}

// Root on h1 has the token and certificate of h1, and sends a heartbeat in the name of h2.
TEST_F(Attack, ByAStolenHostInTheNameOfAnotherIsStoppedByClientCertificates) {
  const std::string lie = R"({"hostname":"h2","realAgents":[{"name":"demo-agent","version":"6.6.6","status":"started"}]})";
  const Authority ca;
  const Issued h1 = ca.issue("h1");
  MetaBox meta;
  meta.set_http(kTokens);
  ASSERT_TRUE(meta.start({}));
  EXPECT_EQ(http(meta.port(), "POST", "/heartbeat", lie, kHost).status, 200) << "all hosts share the token";
  EXPECT_EQ(get(meta.port(), "/status/text/demo-agent", kHost).status, 401) << "a host's token is not an operator's";
  EXPECT_EQ(http(meta.port(), "POST", "/plan", "{}", kHost).status, 401);

  MetaBox sealed;
  sealed.set_tls(ca.issue("meta"), ca.cert());
  ASSERT_TRUE(sealed.start({}));
  const auto status_of = [&](const std::string& heartbeat) {
    return run({"curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", "--cacert", ca.cert(), "--cert", h1.cert, "--key",
                h1.key, "--data", heartbeat, sealed.url("/heartbeat")})
        .output;
  };
  EXPECT_EQ(status_of(lie), "403");
  EXPECT_EQ(status_of(R"({"hostname":"H1"})"), "403") << "one host must not count as several";
  EXPECT_EQ(status_of(R"({"hostname":"h1"})"), "200");
  EXPECT_EQ(sealed.get_as_owner("/status/host/h2").status, 404);
}

TEST_F(Attack, WithAnotherAgentsTarballIsStoppedBySignatures) {
  FakeMeta web;
  release(web, "demo-agent", "1.0.0", demo_agent_tarball("one"));
  release(web, "naming-agent", "1.0.0", evil_tarball());  // a good release of another agent
  web.serve("demo-agent-1.1.0.tar.gz", http_reply(200, evil_tarball()));
  web.serve("demo-agent-1.1.0.tar.gz.md5", http_reply(200, md5_hex(evil_tarball())));
  web.serve("demo-agent-1.1.0.tar.gz.minisig", http_reply(200, signature("naming-agent-1.0.0.tar.gz")));
  Host open(web, "");
  Host host(web, signed_by(owner));
  web.assign({{"demo-agent", "1.1.0"}});
  EXPECT_TRUE(runs_evil(open)) << open.log();
  expect_rejected(host, "expected file:demo-agent-1.1.0.tar.gz");
}

// The signed file name can be split into agent and version in two ways.
TEST_F(Attack, WithAnAmbiguousFileNameIsStoppedBySignatures) {
  FakeMeta web;
  release(web, "demo-agent", "1.0.0", demo_agent_tarball("one"));
  release(web, "naming-agent", "1.0.0", evil_tarball());
  Host open(web, "");
  Host host(web, signed_by(owner));
  web.assign({{"demo-agent", "1.0.0"}, {"naming", "agent-1.0.0"}});
  EXPECT_TRUE(runs_evil(open)) << open.log();
  expect_rejected(host, "naming-agent-1.0.0.tar.gz reads as naming-agent at version 1.0.0");
}

// The attacker serves a withdrawn, vulnerable release as a newer version.
TEST_F(Attack, WithAnOldReleaseAsANewVersionIsStoppedBySignatures) {
  FakeMeta web;
  release(web, "demo-agent", "1.0.0", demo_agent_tarball("one"));
  release(web, "demo-agent", "0.9.0", evil_tarball());
  web.publish("demo-agent", "1.1.0", evil_tarball());
  web.serve("demo-agent-1.1.0.tar.gz.minisig", http_reply(200, signature("demo-agent-0.9.0.tar.gz")));
  Host open(web, "");
  Host host(web, signed_by(owner));
  web.assign({{"demo-agent", "1.1.0"}});
  EXPECT_TRUE(runs_evil(open)) << open.log();
  expect_rejected(host, "expected file:demo-agent-1.1.0.tar.gz");
  web.assign({{"demo-agent", "0.9.0"}});
  EXPECT_TRUE(runs_evil(host)) << "under its own version it is a valid release";
}

}  // namespace
}  // namespace ops::tests
