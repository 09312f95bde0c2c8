// Tokens and passwords are sent to the servers in the config only.

#include "tests/updater/release/download_fixture.h"
#include "updater/meta_client.h"

namespace ops::updater {
namespace {

using tests::http_reply;

struct Token : DownloadTest {
  Token() { access.servers = {server.url("")}; }

  std::string sent_to(const FakeServer& to) const { return to.requests().back().header("Authorization"); }
  Result<HttpReply> get(const std::string& url) const { return get_small(url, 1000, seconds(2), {}, access); }
  static FakeServer::Handler redirects_to(const std::string& url) {
    return always_sends(http_reply(302, "", {{"Location", url}}));
  }

  ClientCredentials access{"s3cret", {}};
  FakeServer other{always_sends(http_reply(200, "theirs"))};
};

TEST_F(Token, GoesWithHeartbeatsChecksumsAndTarballs) {
  server.set_handler(always_sends(http_reply(200, "body")));
  EXPECT_TRUE(post_json(server.url("/heartbeat"), "{}", 1000, seconds(2), {}, access));
  EXPECT_EQ(sent_to(server), "Bearer s3cret");
  EXPECT_TRUE(get(server.url("/t.md5")));
  EXPECT_EQ(sent_to(server), "Bearer s3cret");
  EXPECT_FALSE(updater::download(server.url("/t.tar.gz"), path, limits, progress, {}, access));
  EXPECT_EQ(sent_to(server), "Bearer s3cret");
}

TEST_F(Token, GoesToNoOtherPort) {
  EXPECT_TRUE(get(other.url("/t.md5")));
  EXPECT_EQ(sent_to(other), "");
}

TEST_F(Token, GoesToNoOtherNameOrScheme) {
  server.set_handler(always_sends(http_reply(200, "body")));
  const std::string port = std::to_string(server.port());
  for (const std::string& known : {"http://localhost:" + port, "https://127.0.0.1:" + port,
                                   "http://127.0.0.1:" + port + "@127.0.0.1:1", std::string("127.0.0.1"), std::string()}) {
    access.servers = {known};
    EXPECT_TRUE(get(server.url("/t.md5")));
    EXPECT_EQ(sent_to(server), "") << known;
  }
  access.servers = {"http://127.0.0.1:1", "HTTP://127.0.0.1:" + port};
  EXPECT_TRUE(get(server.url("/t.md5")));
  EXPECT_EQ(sent_to(server), "Bearer s3cret") << "one of several servers, in another spelling";
}

TEST_F(Token, GoesToNoServerOfARedirect) {
  server.set_handler(redirects_to(other.url("/t.md5")));
  EXPECT_TRUE(get(server.url("/t.md5")));
  EXPECT_EQ(sent_to(server), "Bearer s3cret");
  EXPECT_EQ(sent_to(other), "");
  EXPECT_FALSE(updater::download(server.url("/t.tar.gz"), path, limits, progress, {}, access));
  EXPECT_EQ(sent_to(other), "");
  EXPECT_EQ(content(), "theirs");
}

TEST_F(Token, IsSentAsUserAndPasswordWithAColon) {
  server.set_handler(always_sends(http_reply(200, "body")));
  access.token = "ann:sec:ret";
  EXPECT_TRUE(get(server.url("/t.md5")));
  EXPECT_EQ(sent_to(server), "Basic YW5uOnNlYzpyZXQ=");
}

TEST_F(Token, IsReplacedByThePasswordOfAServer) {
  server.set_handler(redirects_to(other.url("/t.md5")));
  access.passwords = {{server.url(""), "ann:secret"}};
  EXPECT_TRUE(get(server.url("/t.md5")));
  EXPECT_EQ(sent_to(server), "Basic YW5uOnNlY3JldA==");
  EXPECT_EQ(sent_to(other), "") << "a redirect to another server sends no token";
  access.servers.push_back(other.url(""));
  EXPECT_TRUE(get(other.url("/t.md5")));
  EXPECT_EQ(sent_to(other), "Bearer s3cret");
}

TEST_F(Token, IsReplacedByThePasswordOfAUrlAndNotPrinted) {
  server.set_handler(always_sends(http_reply(401, "no")));
  std::string url = server.url("/t");
  url.insert(url.find("://") + 3, "ann:secret@");
  const auto failed = updater::download(url, path, limits, progress, {}, access);
  ASSERT_TRUE(failed);
  EXPECT_EQ(sent_to(server), "Basic YW5uOnNlY3JldA==");
  EXPECT_TRUE(failed->error.message.starts_with("http://ann:***@127.0.0.1:")) << failed->error.message;
  EXPECT_TRUE(failed->error.message.ends_with("/t: HTTP status 401; look at the user and the password in its URL: no"));
}

TEST_F(Token, IsNamedInTheErrorWhenAServerRefusesIt) {
  server.set_handler(always_sends(http_reply(401, "no")));
  const auto refused = [&](const std::string& url) {
    const auto failed = updater::download(url, path, limits, progress, {}, access);
    return failed ? failed->error.message : "no error";
  };
  EXPECT_EQ(refused(server.url("/t")), server.url("/t") + ": HTTP status 401; look at \"token\" in cfg.json: no");
  other.set_handler(always_sends(http_reply(403, "no")));
  EXPECT_EQ(refused(other.url("/t")), other.url("/t") + ": HTTP status 403: no") << "no token was sent there";
  access.passwords = {{server.url(""), "ann:secret"}};
  EXPECT_EQ(refused(server.url("/t")),
            server.url("/t") + ": HTTP status 401; look at the user and the password in \"server\" in cfg.json: no");
  access.passwords.clear();
  access.token.clear();
  EXPECT_EQ(refused(server.url("/t")), server.url("/t") + ": HTTP status 401: no") << "no token was sent";
}

TEST_F(Token, IsNamedInTheErrorWhenOpsMetaRefusesIt) {
  server.set_handler(always_sends(http_reply(401, "the token is none of this ops-meta's\n")));
  MetaClient client;
  const auto response = client.send(access.servers, {}, {}, access, {});
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().message, "no answer from ops-meta: " + server.url("/heartbeat") +
                                          ": HTTP status 401; look at \"token\" in cfg.json: the token is none of this "
                                          "ops-meta's");
}

}  // namespace
}  // namespace ops::updater
