// Tokens between the real daemons. ops-meta refuses a missing or wrong token with a reason, and running agents keep running.

#include <gtest/gtest.h>
#include <signal.h>

#include "tests/support/boxes.h"
#include "tests/support/tarball.h"
#include "tests/support/text.h"
#include "tests/support/wait.h"

namespace ops::tests {
namespace {

const std::string kTokens = R"(, "tokens": ["host-token-1", "host-token-2"], "adminTokens": ["admin-token"])";
const HeaderFields kAdmin{{"Authorization", "Bearer admin-token"}};
const HeaderFields kHost{{"Authorization", "Bearer host-token-2"}};

struct TrustTokens : testing::Test {
  TrustTokens() {
    meta.publish("demo-agent", "1.0.0", demo_agent_tarball("one"));
    meta.publish("demo-agent", "2.0.0", demo_agent_tarball("two"));
    meta.set_http(kTokens);
    EXPECT_TRUE(meta.start({{"demo-agent", "1.0.0"}})) << meta.log();
  }

  static bool logs(const Box& box, const std::string& text) {
    return eventually([&] { return contains(box.log(), text); });
  }
  /// Replaces text in the host's config and reloads it.
  static void edit_config(UpdaterBox& host, const std::string& before, const std::string& after) {
    std::string config = read_file(host / "cfg.json");
    config.replace(config.find(before), before.size(), after);
    write_file(host / "cfg.json", config);
    host.process().signal(SIGHUP);
  }
  bool runs(const UpdaterBox& host, const std::string& version) const {
    return eventually([&] { return host.running("demo-agent") == std::vector<std::string>{version}; });
  }

  MetaBox meta;
};

TEST_F(TrustTokens, AreRequiredForEveryPathExceptHealthAndVersion) {
  EXPECT_EQ(meta.get("/health").body, "ok");
  EXPECT_EQ(meta.get("/version").status, 200);
  for (const char* path : {"/", "/status/text/demo-agent", "/status/summary", "/status/hosts", "/status/host/h1", "/workdir",
                           "/config/reload", "/demo-agent/", "/demo-agent/demo-agent-1.0.0.tar.gz", "/no/such/path"}) {
    const HttpReply reply = meta.get(path);
    EXPECT_EQ(reply.status, 401) << path;
    EXPECT_EQ(reply.header("WWW-Authenticate"), "Basic realm=\"ops-meta\"") << path;
    EXPECT_TRUE(reply.body.starts_with("a token is missing: ")) << path << reply.body;
    EXPECT_NE(get(meta.port(), path, kAdmin).status, 401) << path;
  }
  EXPECT_EQ(http(meta.port(), "POST", "/heartbeat", R"({"hostname":"h1"})").status, 401);
  EXPECT_EQ(http(meta.port(), "POST", "/heartbeat", R"({"hostname":"h1"})", kAdmin).status, 401);
  EXPECT_EQ(http(meta.port(), "POST", "/heartbeat", R"({"hostname":"h1"})", kHost).status, 200);
  EXPECT_EQ(get(meta.port(), "/demo-agent/demo-agent-1.0.0.tar.gz", kHost).status, 200);
  EXPECT_EQ(get(meta.port(), "/status/summary", kHost).status, 401);
  EXPECT_EQ(meta.get_as_owner("/status/summary").status, 200) << "the unix socket needs no token";
}

TEST_F(TrustTokens, AreNeverPrinted) {
  UpdaterBox host(meta.address(), {.more = R"(, "token": "host-token-2")"});
  ASSERT_TRUE(host.start()) << host.log();
  EXPECT_TRUE(runs(host, "1.0.0")) << host.log();
  const std::string printed = meta.get_as_owner("/config/reload").body + get(host.port(), "/config/reload").body;
  EXPECT_TRUE(contains(printed, R"("tokens":["***","***"],"adminTokens":["***"])")) << printed;
  EXPECT_TRUE(contains(printed, R"("token":"***")")) << printed;
  for (const std::string& text : {printed, meta.log(), host.log()}) {
    EXPECT_FALSE(contains(text, "host-token") || contains(text, "admin-token")) << text;
  }
  EXPECT_TRUE(contains(
      meta.log(),
      "contains tokens, and every user of this machine may read it: make the daemon's user its owner, and run chmod o-r "))
      << meta.log();
  EXPECT_TRUE(contains(
      host.log(),
      "contains a token, and every user of this machine may read it: make the daemon's user its owner, and run chmod o-r "))
      << host.log();
}

TEST_F(TrustTokens, ThatAreMissingOrWrongDoNotStopRunningAgents) {
  UpdaterBox host(meta.address(), {.more = R"(, "token": "host-token-1")"});
  ASSERT_TRUE(host.start()) << host.log();
  ASSERT_TRUE(runs(host, "1.0.0")) << host.log();
  const pid_t pid = host.agent_pid("demo-agent", "1.0.0");

  meta.set_http(R"(, "tokens": ["host-token-2"], "adminTokens": ["admin-token"])");
  ASSERT_TRUE(meta.assign({{"demo-agent", "2.0.0"}})) << meta.log();
  EXPECT_TRUE(logs(host,
                   "/heartbeat: HTTP status 401; look at \"token\" in cfg.json: the token is wrong: it is not in "
                   "this ops-meta's http.tokens"))
      << host.log();
  edit_config(host, "host-token-1", "");
  EXPECT_TRUE(logs(host, "/heartbeat: HTTP status 401: a token is missing: ")) << host.log();
  EXPECT_EQ(host.agent_pid("demo-agent", "1.0.0"), pid);

  edit_config(host, R"("token": "")", R"("token": "host-token-2")");
  EXPECT_TRUE(logs(host, "ops-meta answers again")) << host.log();
  EXPECT_TRUE(runs(host, "2.0.0")) << host.log();
}

TEST_F(TrustTokens, WithInvalidCharactersAreRefusedAndNotPrinted) {
  for (const char* bad : {R"(, "tokens": [""])", R"(, "adminTokens": ["pass word"])", R"(, "tokens": ["host\ntoken"])"}) {
    meta.set_http(bad);
    EXPECT_FALSE(meta.assign({})) << bad;
  }
  EXPECT_TRUE(contains(meta.log(), "http.adminTokens[0]: is invalid, expected 1 to 256 letters")) << meta.log();
  EXPECT_FALSE(contains(meta.log(), "pass word"));
  UpdaterBox host(meta.address(), {.more = R"(, "token": "pass\r\nword")"});
  EXPECT_FALSE(host.start());
  EXPECT_TRUE(contains(host.log(), "error: token: is invalid, expected 1 to 256 letters")) << host.log();
}

}  // namespace
}  // namespace ops::tests
