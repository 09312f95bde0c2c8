// Proxies: which requests take them, and the errors of requests that do. The environment's variables are in
// tests/e2e/download_proxy_test.cc.

#include "common/http/proxy.h"

#include "tests/updater/release/download_fixture.h"

namespace ops::updater {
namespace {

using tests::http_reply;

/// `server` of the fixture is the proxy.
struct ThroughProxy : DownloadTest {
  ThroughProxy() {
    server.set_handler(always_sends(http_reply(200, "body")));
    access.proxy = ProxySettings{"http://ann:s3cr%2Fet@" + server.address(), std::nullopt};
  }
  Result<HttpReply> get(const std::string& url) const { return get_small(url, 1000, seconds(20), {}, access); }
  std::string failure_of(const std::string& url) const {
    const auto reply = get(url);
    return !reply ? reply.error().message : reply->status == 200 ? "no error" : reply->status_text;
  }

  ClientCredentials access;
};

TEST_F(ThroughProxy, ARequestNamesTheWholeUrl) {
  ASSERT_TRUE(get("http://releases.invalid/t.md5"));
  const FakeRequest request = server.requests().back();
  EXPECT_EQ(request.target, "http://releases.invalid/t.md5");
  EXPECT_EQ(request.header("Proxy-Authorization"), "Basic YW5uOnMzY3IvZXQ=");
}

TEST_F(ThroughProxy, AnExceptionGoesToTheServer) {
  access.proxy->exceptions = "other.invalid,127.0.0.0/8";
  FakeServer direct{always_sends(http_reply(200, "direct"))};
  const auto reply = get(direct.url("/t.md5"));
  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_EQ(reply->body, "direct");
  EXPECT_TRUE(server.requests().empty());
  EXPECT_EQ(direct.requests().back().header("Proxy-Authorization"), "");
}

TEST_F(ThroughProxy, AnErrorNamesTheProxyAndNotItsPassword) {
  const std::string proxy = "http://ann:***@" + server.address();
  server.set_handler(always_sends(http_reply(407, "")));
  EXPECT_EQ(failure_of("http://releases.invalid/t"),
            "HTTP status 407 through the proxy " + proxy +
                "; the proxy requires a user and a password in its URL: look at \"proxy\" in cfg.json");
  const std::string refused = failure_of("https://releases.invalid/t");
  EXPECT_HAS(refused, "407; the proxy requires a user and a password in its URL");
  EXPECT_HAS(refused, "; the request goes through the proxy " + proxy);
  EXPECT_EQ(server.requests().back().method + " " + server.requests().back().target, "CONNECT releases.invalid:443");
  access.proxy->url = "http://ann:s3cret@127.0.0.1:1";
  EXPECT_HAS(failure_of("http://releases.invalid/t"), "; the request goes through the proxy http://ann:***@127.0.0.1:1");
  for (const char* bad : {"nonsense://ann:s3cret@p:1", "http://ann:s3cret@p:1:2:3", "http://ann:s3cret@[p"}) {
    access.proxy->url = bad;
    const std::string error = failure_of("http://releases.invalid/t");
    EXPECT_EQ(error.find("s3cret"), std::string::npos) << error;
  }
}

TEST_F(ThroughProxy, NoRequestGoesByDefault) {
  access.proxy = std::nullopt;
  FakeServer direct{always_sends(http_reply(200, "direct"))};
  EXPECT_TRUE(get(direct.url("/t.md5")));
  EXPECT_TRUE(server.requests().empty());
}

TEST(ProxySettings, ExemptThisMachineFromTheEnvironmentsProxyOnly) {
  EXPECT_EQ(exceptions_of({"http://p", std::nullopt}), "");
  EXPECT_EQ(exceptions_of({"http://p", "a"}), "a");
  EXPECT_EQ(exceptions_of({std::nullopt, "a"}), "localhost,127.0.0.0/8,::1,a");
  EXPECT_EQ(exceptions_of({std::nullopt, "*"}), "*");
}

}  // namespace
}  // namespace ops::updater
