// The manual's table of attacks, a test for each line: the attacker is played against the real daemons, first with nothing
// switched on, so that it is seen to work, then with each switch that is said to stop it.

#include <gtest/gtest.h>
#include <signal.h>

#include <mutex>

#include "tests/support/hell_meta.h"
#include "tests/support/minisign.h"
#include "tests/support/tarball.h"
#include "tests/support/wait.h"

namespace ops::tests {
namespace {

using std::chrono::seconds;

constexpr char kTokens[] = R"(, "tokens": ["host-token"], "adminTokens": ["admin-token"])";
const HeaderFields kHost{{"Authorization", "Bearer host-token"}};

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

/// The attacker's agent. Whatever of it runs leaves a file beside the updater.
std::string evil_tarball() { return make_agent_tarball("#!/bin/sh\ntouch ../../evil\necho started\n"); }

/// What an updater's config has when only releases signed by this key may run.
std::string signed_by(const Minisign& owner) { return R"(, "publicKeys": [")" + owner.public_key() + "\"]"; }

std::string tls_of(const std::string& ca) { return R"(, "tls": {"ca": ")" + ca + "\"}"; }

/// demo-agent 1.0.0 and 1.1.0 and naming-agent 1.0.0 are the owner's releases.
struct Attack : testing::Test {
  /// Puts a tarball where updaters fetch it, with its checksum and the owner's signature.
  void release(HellMeta& at, const std::string& name, const std::string& version, const std::string& bytes) const {
    const std::string file = name + "-" + version + ".tar.gz";
    write_file(desk / file, bytes);
    at.publish(name, version, bytes);
    at.serve(file + ".minisig", http_reply(200, owner.sign(desk / file)));
  }
  std::string signature(const std::string& file) const { return read_file(desk / (file + ".minisig")); }

  /// A host that runs the owner's demo-agent 1.0.0.
  struct Host : UpdaterBox {
    Host(HellMeta& meta, const std::string& more) : UpdaterBox(meta.address(), {.more = more}) {
      meta.desire({{"demo-agent", "1.0.0"}});
      EXPECT_TRUE(start() && eventually([&] { return runs("1.0.0") && is_past_probation(meta); })) << log();
      pid = agent_pid("demo-agent", "1.0.0");
    }
    static bool is_past_probation(const HellMeta& meta) {
      return meta.said("realAgents", "demo-agent", "status") == "started" &&
             meta.said("updates", "demo-agent", "phase").empty();
    }
    bool runs(const std::string& version) const { return running("demo-agent") == std::vector<std::string>{version}; }
    bool is_as_it_was() const { return agent_pid("demo-agent", "1.0.0") == pid && runs("1.0.0"); }
    pid_t pid = -1;
  };

  static bool runs_evil(const UpdaterBox& host) {
    return eventually([&] { return exists(host / "evil"); });
  }
  /// It said why, and changed nothing.
  static void expect_withstood(const Host& host, const std::string& why) {
    EXPECT_TRUE(eventually([&] { return contains(host.log(), why); })) << why << " is not in\n" << host.log();
    EXPECT_FALSE(exists(host / "evil"));
    EXPECT_TRUE(host.is_as_it_was()) << host.log();
  }

  TempDir desk;  // the owner's
  Minisign owner;
};

// He answers in place of ops-meta.
TEST_F(Attack, ByAManInTheMiddleIsStoppedByTlsAndRunsNothingOfHisWithSignatures) {
  HellMeta man;
  const std::string evil = evil_tarball();
  man.publish("demo-agent", "6.6.6", evil);
  man.desire({{"demo-agent", "6.6.6"}});
  UpdaterBox open(man.address(), {.more = R"(, "token": "host-token")"});
  ASSERT_TRUE(open.start());
  EXPECT_TRUE(runs_evil(open)) << "with a token only";

  release(man, "demo-agent", "1.0.0", demo_agent_tarball("one"));
  Host host(man, signed_by(owner));
  man.desire({{"demo-agent", "6.6.6"}});
  expect_withstood(host, "demo-agent-6.6.6.tar.gz.minisig: the server says 404");

  // He has a certificate, but none of our CA's; and hears no token.
  const Authority ours;
  const Authority his("His CA");
  MetaBox sealed_man;
  sealed_man.publish("demo-agent", "6.6.6", evil);
  sealed_man.set_tls(his.issue("meta"));
  ASSERT_TRUE(sealed_man.start({{"demo-agent", "6.6.6"}}));
  UpdaterBox sealed(sealed_man.url(), {.more = tls_of(ours.cert())});
  ASSERT_TRUE(sealed.start());
  EXPECT_TRUE(eventually([&] { return contains(sealed.log(), "which is not in " + ours.cert()); })) << sealed.log();
  UpdaterBox careless(sealed_man.url(), {.more = tls_of(his.cert())});
  ASSERT_TRUE(careless.start());
  EXPECT_TRUE(runs_evil(careless)) << "who trusts his CA is his";
  EXPECT_FALSE(exists(sealed / "evil"));
}

TEST_F(Attack, ByAManWhoListensGetsTheTokenUnlessThereIsTls) {
  std::mutex mutex;
  std::string heard;
  HellServer man([&](const HellRequest& request, const HellPeer& peer) {
    const std::lock_guard lock(mutex);
    heard += request.bytes;
    peer.send(http_reply(500, "no"));
  });
  const auto hears = [&](const std::string& text) {
    const std::lock_guard lock(mutex);
    return contains(heard, text);
  };
  const Authority ours;
  const std::string more = tls_of(ours.cert()) + R"(, "token": "host-token")";
  UpdaterBox sealed("https://" + man.address(), {.more = more});
  ASSERT_TRUE(sealed.start());
  EXPECT_TRUE(eventually([&] { return contains(sealed.log(), "no answer from ops-meta"); }));
  EXPECT_FALSE(hears("host-token"));
  UpdaterBox open(man.address(), {.more = more});
  ASSERT_TRUE(open.start());
  EXPECT_TRUE(eventually([&] { return hears("host-token"); }));
}

// The tarballs lie with the thief; ops-meta is the owner's.
TEST_F(Attack, ByWhoStoleTheWebServerIsStoppedBySignaturesOnly) {
  HellMeta web;
  const Authority ca;
  const Issued own = ca.issue("meta");
  MetaBox meta;
  meta.set_http(kTokens + (R"(, "tls": {"cert": ")" + own.cert + R"(", "key": ")" + own.key + "\"}"));
  release(web, "demo-agent", "1.0.0", demo_agent_tarball("one"));
  // Both hosts may go at once, or the one that refuses might keep the other waiting.
  const TestAgent good{"demo-agent", "1.0.0", "start", "", web.url("/t"), R"(, "rollout": {"parallel": 0})"};
  TestAgent next = good;
  next.version = "1.1.0";
  const std::string access = tls_of(ca.cert()) + R"(, "token": "host-token")";
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
  ASSERT_TRUE(meta.desire({next}));
  EXPECT_TRUE(runs_evil(open)) << "TLS to ops-meta and tokens are no help: " << open.log();
  EXPECT_TRUE(eventually([&] {
    return contains(host.log(), "is signed by key " + thief.key_id() + ", expected " + owner.key_id());
  })) << host.log();
  EXPECT_FALSE(exists(host / "evil"));
  EXPECT_EQ(host.running("demo-agent"), first);
}

TEST_F(Attack, ByWhoStoleMetaRunsNothingOfHisWithSignaturesButMayStopAndGoBack) {
  HellMeta stolen;
  release(stolen, "demo-agent", "1.0.0", demo_agent_tarball("one"));
  release(stolen, "demo-agent", "1.1.0", demo_agent_tarball("two"));
  stolen.publish("demo-agent", "6.6.6", evil_tarball());
  stolen.serve("demo-agent-6.6.6.tar.gz.minisig", http_reply(200, signature("demo-agent-1.1.0.tar.gz")));
  Host open(stolen, "");
  Host host(stolen, signed_by(owner));
  stolen.desire({{"demo-agent", "6.6.6"}});
  EXPECT_TRUE(runs_evil(open)) << open.log();
  expect_withstood(host, "is signed for another file");

  stolen.desire({{"demo-agent", "1.1.0"}});
  EXPECT_TRUE(eventually([&] { return host.runs("1.1.0"); })) << host.log();
  stolen.desire({{"demo-agent", "1.0.0"}});
  EXPECT_TRUE(eventually([&] { return host.runs("1.0.0"); })) << "an older release is the owner's too: " << host.log();
  stolen.desire({{"demo-agent", "1.0.0", "stop"}});
  EXPECT_TRUE(eventually([&] { return host.running("demo-agent").empty(); })) << host.log();
}

// A machine in the same network that is none of ours speaks to ops-meta.
TEST_F(Attack, ByARogueHostIsStoppedByTokensAndByCertificates) {
  const std::string lie = R"({"hostname":"ghost","realAgents":[{"name":"demo-agent","version":"1.0.0","status":"started"}]})";
  const std::string tarball = "/demo-agent/demo-agent-1.0.0.tar.gz";
  MetaBox meta;
  meta.publish("demo-agent", "1.0.0", demo_agent_tarball());
  ASSERT_TRUE(meta.start({{"demo-agent", "1.0.0"}}));
  EXPECT_EQ(http(meta.port(), "POST", "/heartbeat", lie).status, 200);
  EXPECT_EQ(meta.get(tarball).status, 200);
  EXPECT_TRUE(contains(meta.status("demo-agent"), "ghost 1.0.0 started"));

  meta.set_http(kTokens);
  ASSERT_TRUE(meta.desire({{"demo-agent", "1.0.0"}}));
  EXPECT_EQ(http(meta.port(), "POST", "/heartbeat", lie).status, 401);
  EXPECT_EQ(meta.get(tarball).status, 401);
  EXPECT_EQ(meta.get("/status/text/demo-agent").status, 401);
}

TEST_F(Attack, ByARogueHostWithoutACertificateIsRefused) {
  const Authority ca;
  MetaBox meta;
  meta.publish("demo-agent", "1.0.0", demo_agent_tarball());
  meta.set_tls(ca.issue("meta"), ca.cert());
  ASSERT_TRUE(meta.start({{"demo-agent", "1.0.0"}}));
  UpdaterBox rogue(meta.url(), {.hostname = "ghost", .more = tls_of(ca.cert())});
  ASSERT_TRUE(rogue.start());
  EXPECT_TRUE(eventually([&] { return contains(rogue.log(), "a certificate is missing: "); })) << rogue.log();
  EXPECT_FALSE(contains(meta.ask("/status/text/demo-agent").body, "ghost"));
}

// Root on h1 has h1's token and certificate, and says that it is h2.
TEST_F(Attack, ByAStolenHostSpeaksForOthersUnlessHostsHaveCertificates) {
  const std::string lie = R"({"hostname":"h2","realAgents":[{"name":"demo-agent","version":"6.6.6","status":"started"}]})";
  const Authority ca;
  const Issued h1 = ca.issue("h1");
  MetaBox meta;
  meta.set_http(kTokens);
  ASSERT_TRUE(meta.start({}));
  EXPECT_EQ(http(meta.port(), "POST", "/heartbeat", lie, kHost).status, 200) << "the token is everybody's";
  EXPECT_EQ(get(meta.port(), "/status/text/demo-agent", kHost).status, 401) << "but no operator's";
  EXPECT_EQ(http(meta.port(), "POST", "/plan", "{}", kHost).status, 401);

  MetaBox sealed;
  sealed.set_tls(ca.issue("meta"), ca.cert());
  ASSERT_TRUE(sealed.start({}));
  const auto says = [&](const std::string& heartbeat) {
    return run({"curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", "--cacert", ca.cert(), "--cert", h1.cert, "--key",
                h1.key, "--data", heartbeat, sealed.url("/heartbeat")})
        .output;
  };
  EXPECT_EQ(says(lie), "403");
  EXPECT_EQ(says(R"({"hostname":"H1"})"), "403") << "one host must not count as many";
  EXPECT_EQ(says(R"({"hostname":"h1"})"), "200");
  EXPECT_EQ(sealed.ask("/status/host/h2").status, 404);
}

TEST_F(Attack, WithAnotherAgentsTarballIsStoppedBySignatures) {
  HellMeta web;
  release(web, "demo-agent", "1.0.0", demo_agent_tarball("one"));
  release(web, "naming-agent", "1.0.0", evil_tarball());  // good where it belongs
  web.serve("demo-agent-1.1.0.tar.gz", http_reply(200, evil_tarball()));
  web.serve("demo-agent-1.1.0.tar.gz.md5", http_reply(200, md5_hex(evil_tarball())));
  web.serve("demo-agent-1.1.0.tar.gz.minisig", http_reply(200, signature("naming-agent-1.0.0.tar.gz")));
  Host open(web, "");
  Host host(web, signed_by(owner));
  web.desire({{"demo-agent", "1.1.0"}});
  EXPECT_TRUE(runs_evil(open)) << open.log();
  expect_withstood(host, "and should hold file:demo-agent-1.1.0.tar.gz");
}

// The file's very name is signed, but is cut elsewhere.
TEST_F(Attack, WithANameThatReadsInTwoWaysIsStoppedBySignatures) {
  HellMeta web;
  release(web, "demo-agent", "1.0.0", demo_agent_tarball("one"));
  release(web, "naming-agent", "1.0.0", evil_tarball());
  Host open(web, "");
  Host host(web, signed_by(owner));
  web.desire({{"demo-agent", "1.0.0"}, {"naming", "agent-1.0.0"}});
  EXPECT_TRUE(runs_evil(open)) << open.log();
  expect_withstood(host, "naming-agent-1.0.0.tar.gz would be taken for naming-agent at version 1.0.0");
}

// What was given up for a hole in it comes back under a newer name.
TEST_F(Attack, WithAnOldReleaseUnderANewNameIsStoppedBySignatures) {
  HellMeta web;
  release(web, "demo-agent", "1.0.0", demo_agent_tarball("one"));
  release(web, "demo-agent", "0.9.0", evil_tarball());
  web.publish("demo-agent", "1.1.0", evil_tarball());
  web.serve("demo-agent-1.1.0.tar.gz.minisig", http_reply(200, signature("demo-agent-0.9.0.tar.gz")));
  Host open(web, "");
  Host host(web, signed_by(owner));
  web.desire({{"demo-agent", "1.1.0"}});
  EXPECT_TRUE(runs_evil(open)) << open.log();
  expect_withstood(host, "and should hold file:demo-agent-1.1.0.tar.gz");
  web.desire({{"demo-agent", "0.9.0"}});
  EXPECT_TRUE(runs_evil(host)) << "under its own name it is a release";
}

/// Attacks that are stopped whatever is switched on. The owner himself may have signed what comes.
struct AttackByDownload : Attack {
  /// demo-agent 1.1.0 is what `reply` says; 1.0.0 runs on, and so does the other agent.
  void expect_stopped(const std::string& reply, const std::string& why) {
    const std::string file = "demo-agent-1.1.0.tar.gz";
    release(web, "demo-agent", "1.0.0", demo_agent_tarball("one"));
    web.serve(file, reply);
    web.serve(file + ".md5", http_reply(200, md5));
    Host host(web, "");
    web.desire({{"demo-agent", "1.1.0"}});
    expect_withstood(host, why);
    EXPECT_FALSE(exists(host.agent("demo-agent") + "/1.1.0"));
  }

  HellMeta web;
  std::string md5 = md5_hex("");
};

TEST_F(AttackByDownload, WithoutAnEndIsStoppedAtOnceWhenItSaysSo) {
  expect_stopped(http_head(200, {{"Content-Length", "3000000000"}}) + std::string(1000, 'x'),
                 "it has 3000000000 bytes, the limit is 2147483648");
}

TEST_F(AttackByDownload, ThatIsSlowHoldsNobodyElseUpAndIsGivenUp) {
  release(web, "demo-agent", "1.0.0", demo_agent_tarball("one"));
  HellServer slow([](const HellRequest& request, const HellPeer& peer) {
    if (request.target.ends_with(".md5")) return void(peer.send(http_reply(200, md5_hex("never"))));
    peer.send(http_head(200, {{"Content-Length", "1000000"}}));
    peer.drip(std::string(1000000, 'x'), std::chrono::milliseconds(100));
  });
  Host host(web, "");
  web.desire({{"demo-agent", "1.0.0"}, {"slow-agent", "1.0.0", "start", "", slow.url("/t")}});
  ASSERT_TRUE(eventually([&] { return web.said("updates", "slow-agent", "phase") == "downloading"; })) << host.log();
  const size_t before = web.heartbeats();
  ::kill(host.pid, SIGKILL);
  EXPECT_TRUE(eventually([&] { return host.runs("1.0.0") && host.agent_pid("demo-agent", "1.0.0") != host.pid; }));
  EXPECT_TRUE(eventually([&] { return web.heartbeats() >= before + 3; }));
  EXPECT_TRUE(eventually([&] { return contains(host.log(), "Operation too slow. Less than 1024 bytes/sec"); }, seconds(60)))
      << host.log();
}

TEST_F(AttackByDownload, ThatLeadsOutOfItsFolderIsNotUnpacked) {
  const std::string escape = make_tarball({{"control", "#!/bin/sh\n", 0755, Entry::Kind::file},
                                           {"up", "../..", 0777, Entry::Kind::symlink},
                                           {"up/evil", "evil", 0644, Entry::Kind::file}});
  md5 = md5_hex(escape);
  expect_stopped(http_reply(200, escape), "\"up\" is a link that leads out");
}

TEST_F(AttackByDownload, OfABombIsStoppedBeforeItIsLarge) {
  const std::string bomb = make_agent_tarball("#!/bin/sh\n", {{"zeros", std::string(64 << 20, '\0')}});
  md5 = md5_hex(bomb);
  expect_stopped(http_reply(200, bomb), "more than 200 times its size");
}

}  // namespace
}  // namespace ops::tests
