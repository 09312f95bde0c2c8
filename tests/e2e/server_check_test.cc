// ./control check --fetch with an updater: it checks each ops-meta and changes nothing there.

#include <gtest/gtest.h>

#include <atomic>
#include <ctime>
#include "common/http/message.h"
#include "tests/support/boxes.h"
#include "tests/support/certificates.h"
#include "tests/support/fake_server.h"
#include "tests/support/text.h"

namespace ops::tests {
namespace {

struct CheckingHost : UpdaterBox {
  explicit CheckingHost(const std::string& server, const std::string& more = "") : UpdaterBox(server, {.more = more}) {
    add_control();
  }
  Finished check() const { return run_control({"check", "--fetch"}); }
};

TEST(CheckOfServers, AcceptsAnOpsMetaThatAcceptsTheToken) {
  MetaBox meta;
  meta.set_http(R"(, "tokens": ["secret"], "adminTokens": ["boss"])");
  ASSERT_TRUE(meta.start({{"a", "1"}})) << meta.log();
  for (const std::string& more : {std::string(R"(, "token": "secret")"), std::string(R"(, "token": "ann:secret")")}) {
    const Finished good = CheckingHost(meta.address(), more).check();
    EXPECT_EQ(good.exit_code, 0) << good.output;
    EXPECT_TRUE(contains(good.output, meta.url() + "\n  good  it answers\n  good  it accepts this host's token or password\n"))
        << good.output;
    EXPECT_TRUE(contains(good.output, "  good  its clock is ")) << good.output;
    EXPECT_FALSE(contains(good.output, "secret")) << good.output;
  }
  EXPECT_EQ(CheckingHost("ann:secret@" + meta.address()).check().exit_code, 0);

  // ops-meta accepts an operator's token for files but not for heartbeats.
  for (const std::string& wrong : {std::string(), std::string(R"(, "token": "wrong")"), std::string(R"(, "token": "boss")")}) {
    const Finished bad = CheckingHost(meta.address(), wrong).check();
    EXPECT_EQ(bad.exit_code, 2) << bad.output;
    EXPECT_TRUE(contains(bad.output, "  FAIL  " + meta.url("/heartbeat") + ": HTTP status 401" +
                                         (wrong.empty() ? ": a token is missing" : "; look at \"token\"")))
        << bad.output;
  }
  EXPECT_EQ(meta.get_as_owner("/status/hosts").body, "{\"hosts\":[]}") << "the check added a host to ops-meta's table";
}

TEST(CheckOfServers, FailsOnACertificateOfAnotherCa) {
  const Authority ca;
  const Authority stranger;
  MetaBox meta;
  meta.set_tls(ca.issue("meta"));
  ASSERT_TRUE(meta.start({})) << meta.log();
  const auto trusting = [](const Authority& authority) { return R"(, "tls": {"ca": ")" + authority.cert() + "\"}"; };
  const Finished good = CheckingHost(meta.url(), trusting(ca)).check();
  EXPECT_EQ(good.exit_code, 0) << good.output;
  EXPECT_TRUE(contains(good.output, "it answers, and its certificate is trusted\n  good  it requires no token\n"))
      << good.output;
  const Finished bad = CheckingHost(meta.url(), trusting(stranger)).check();
  EXPECT_EQ(bad.exit_code, 2) << bad.output;
  EXPECT_TRUE(contains(bad.output, "  FAIL  " + meta.url("/health") + ": ")) << bad.output;
}

TEST(CheckOfServers, FailsAServerThatIsNoOpsMeta) {
  FakeServer other([](const FakeRequest&, const FakePeer& peer) { peer.send(http_reply(200, "hello")); });
  const Finished bad = CheckingHost(other.address(), R"(, "token": "secret")").check();
  EXPECT_EQ(bad.exit_code, 2) << bad.output;
  EXPECT_TRUE(
      contains(bad.output, "  FAIL  it is not an ops-meta: it answers /health with status 200 and \"hello\", expected 200"))
      << bad.output;
}

TEST(CheckOfServers, ReportsAnOpsMetaThatRequiresNoToken) {
  MetaBox meta;
  ASSERT_TRUE(meta.start({{"a", "1"}})) << meta.log();
  const Finished good = CheckingHost(meta.address(), R"(, "token": "secret")").check();
  EXPECT_EQ(good.exit_code, 0) << good.output;
  EXPECT_TRUE(contains(good.output, "  good  it requires no token\n")) << good.output;
}

TEST(CheckOfServers, AcceptsTheGoOriginalAndComparesClocks) {
  std::atomic<int64_t> ahead = 3600;
  // The replies of the Go original, whose /heartbeat accepts any method.
  FakeServer original([&](const FakeRequest& request, const FakePeer& peer) {
    const HeaderFields date = {{"Date", http_date(std::time(nullptr) + ahead)}};
    if (request.target == "/health") return (void)peer.send(http_reply(200, "ok", date));
    if (request.target == "/heartbeat") return (void)peer.send(http_reply(400, "body is blank\n", date));
    peer.send(http_reply(404, "404 page not found\n", date));
  });
  const CheckingHost host(original.address() + ",127.0.0.1:1");
  Finished finished = host.check();
  EXPECT_TRUE(contains(finished.output, "  good  it answers\n  good  it requires no token\n  warn  its clock is 3"))
      << finished.output;
  EXPECT_TRUE(contains(finished.output, " s ahead of this host's\nhttp://127.0.0.1:1\n  FAIL  ")) << finished.output;
  EXPECT_EQ(finished.exit_code, 2) << "one of two does not answer";
  ahead = -3600;
  EXPECT_TRUE(contains(host.check().output, " s behind this host's\n"));
}

}  // namespace
}  // namespace ops::tests
