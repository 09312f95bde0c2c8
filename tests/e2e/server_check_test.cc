// ./control check --fetch beside an updater: what it finds out about each ops-meta, and that it changes nothing there.

#include <gtest/gtest.h>

#include <atomic>
#include <ctime>
#include <filesystem>

#include "common/http/message.h"
#include "tests/support/boxes.h"
#include "tests/support/certificates.h"
#include "tests/support/hell_server.h"

namespace ops::tests {
namespace {

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

struct AskingHost : UpdaterBox {
  explicit AskingHost(const std::string& server, const std::string& more = "") : UpdaterBox(server, {.more = more}) {
    std::filesystem::copy_file(std::string(OPS_SOURCE_DIR) + "/control", *this / "control");
  }
  Finished check() const { return run({"./control", "check", "--fetch"}, folder()); }
};

TEST(CheckOfServers, FindsAnOpsMetaThatTakesTheToken) {
  MetaBox meta;
  meta.set_http(R"(, "tokens": ["secret"], "adminTokens": ["boss"])");
  ASSERT_TRUE(meta.start({{"a", "1"}})) << meta.log();
  for (const std::string& more : {std::string(R"(, "token": "secret")"), std::string(R"(, "token": "ann:secret")")}) {
    const Finished good = AskingHost(meta.address(), more).check();
    EXPECT_EQ(good.exit_code, 0) << good.output;
    EXPECT_TRUE(contains(good.output, meta.url() + "\n  good  it answers\n  good  it takes this host's token or password\n"))
        << good.output;
    EXPECT_TRUE(contains(good.output, "  good  its clock is ")) << good.output;
    EXPECT_FALSE(contains(good.output, "secret")) << good.output;
  }
  EXPECT_EQ(AskingHost("ann:secret@" + meta.address()).check().exit_code, 0);

  // An operator's token would do for files, and for no heartbeat.
  for (const std::string& wrong : {std::string(), std::string(R"(, "token": "wrong")"), std::string(R"(, "token": "boss")")}) {
    const Finished bad = AskingHost(meta.address(), wrong).check();
    EXPECT_EQ(bad.exit_code, 2) << bad.output;
    EXPECT_TRUE(contains(bad.output, "  FAIL  " + meta.url("/heartbeat") + ": the server says 401; look at \"token\""))
        << bad.output;
  }
  EXPECT_EQ(meta.ask("/status/hosts").body, "{\"hosts\":[]}") << "no host was made up";
}

TEST(CheckOfServers, TrustsNoCertificateOfAStranger) {
  const Authority ca;
  const Authority stranger;
  MetaBox meta;
  meta.set_tls(ca.issue("meta"));
  ASSERT_TRUE(meta.start({})) << meta.log();
  const auto trusting = [](const Authority& authority) { return R"(, "tls": {"ca": ")" + authority.cert() + "\"}"; };
  const Finished good = AskingHost(meta.url(), trusting(ca)).check();
  EXPECT_EQ(good.exit_code, 0) << good.output;
  EXPECT_TRUE(contains(good.output, "it answers, and its certificate is trusted\n  good  it asks for no token\n"))
      << good.output;
  const Finished bad = AskingHost(meta.url(), trusting(stranger)).check();
  EXPECT_EQ(bad.exit_code, 2) << bad.output;
  EXPECT_TRUE(contains(bad.output, "  FAIL  " + meta.url("/health") + ": ")) << bad.output;
}

TEST(CheckOfServers, FailsAServerThatIsNoOpsMeta) {
  HellServer other([](const HellRequest&, const HellPeer& peer) { peer.send(http_reply(200, "hello")); });
  const Finished bad = AskingHost(other.address(), R"(, "token": "secret")").check();
  EXPECT_EQ(bad.exit_code, 2) << bad.output;
  EXPECT_TRUE(contains(bad.output, "  FAIL  it is no ops-meta: it answers /health with status 200 and \"hello\", not with 200"))
      << bad.output;
}

TEST(CheckOfServers, SaysWhenATokenIsNotAskedFor) {
  MetaBox meta;
  ASSERT_TRUE(meta.start({{"a", "1"}})) << meta.log();
  const Finished good = AskingHost(meta.address(), R"(, "token": "secret")").check();
  EXPECT_EQ(good.exit_code, 0) << good.output;
  EXPECT_TRUE(contains(good.output, "  good  it asks for no token\n")) << good.output;
}

TEST(CheckOfServers, TakesTheOriginalAsItIsAndComparesClocks) {
  std::atomic<int64_t> ahead = 3600;
  // As the original answers, whose /heartbeat takes any method.
  HellServer original([&](const HellRequest& request, const HellPeer& peer) {
    const HeaderFields date = {{"Date", http_date(std::time(nullptr) + ahead)}};
    if (request.target == "/health") return (void)peer.send(http_reply(200, "ok", date));
    if (request.target == "/heartbeat") return (void)peer.send(http_reply(400, "body is blank\n", date));
    peer.send(http_reply(404, "404 page not found\n", date));
  });
  const AskingHost host(original.address() + ",127.0.0.1:1");
  Finished finished = host.check();
  EXPECT_TRUE(contains(finished.output, "  good  it answers\n  good  it asks for no token\n  warn  its clock is 3"))
      << finished.output;
  EXPECT_TRUE(contains(finished.output, " s ahead of this host's\nhttp://127.0.0.1:1\n  FAIL  ")) << finished.output;
  EXPECT_EQ(finished.exit_code, 2) << "one of two does not answer";
  ahead = -3600;
  EXPECT_TRUE(contains(host.check().output, " s behind this host's\n"));
}

}  // namespace
}  // namespace ops::tests
