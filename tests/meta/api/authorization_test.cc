#include "meta/api/authorization.h"

#include <gtest/gtest.h>

namespace ops::meta {
namespace {

constexpr Rights kAll{};
constexpr Rights kNone{false, false, false};
constexpr Rights kHost{true, true, false};
constexpr Rights kOperator{false, true, true};

HttpRequest with(const std::string& authorization) {
  HttpRequest request;
  request.peer = "10.0.0.7";
  if (!authorization.empty()) request.headers.emplace_back("authorization", authorization);
  return request;
}

struct Authorization : testing::Test {
  Authorization() {
    config.tokens = {"old-host", "new-host"};
    config.admin_tokens = {"boss"};
  }
  Rights rights(const std::string& authorization) const { return rights_of(with(authorization), config); }

  Config config;
};

TEST_F(Authorization, WithoutTokensAllowsEverything) {
  config = {};
  for (const char* sent : {"", "Bearer x", "Basic eDp5"}) EXPECT_EQ(rights(sent), kAll) << sent;
}

TEST_F(Authorization, HostTokensAllowHeartbeatsAndFilesAndAdminTokensAllButHeartbeats) {
  EXPECT_EQ(rights(""), kNone);
  EXPECT_EQ(rights("Bearer old-host"), kHost);
  EXPECT_EQ(rights("Bearer new-host"), kHost);
  EXPECT_EQ(rights("Bearer boss"), kOperator);
}

TEST_F(Authorization, AnEmptyListNeedsNoToken) {
  config.admin_tokens.clear();
  EXPECT_EQ(rights(""), (Rights{false, false, true}));
  EXPECT_EQ(rights("Bearer new-host"), kAll);
  config.tokens.clear();
  config.admin_tokens = {"boss"};
  EXPECT_EQ(rights(""), kHost);
  EXPECT_EQ(rights("Bearer boss"), kAll);
}

TEST_F(Authorization, TakesATokenAsBearerOrAsThePasswordOfBasic) {
  EXPECT_EQ(rights("bearer   boss "), kOperator);
  EXPECT_EQ(rights("Basic eDpib3Nz"), kOperator) << "x:boss";
  EXPECT_EQ(rights("basic OmJvc3M="), kOperator) << ":boss";
  EXPECT_EQ(rights("BASIC YW5uOm9sZC1ob3N0"), kHost) << "ann:old-host";
}

TEST_F(Authorization, TakesATokenWithAColonAsUserAndPassword) {
  config.tokens = {"ann:secret"};
  EXPECT_EQ(rights("Basic YW5uOnNlY3JldA=="), kHost) << "ann:secret";
  EXPECT_EQ(rights("Bearer ann:secret"), kHost);
  EXPECT_EQ(rights("Basic eDpzZWNyZXQ="), kNone) << "x:secret";
}

TEST_F(Authorization, RefusesEveryOtherForm) {
  for (const char* sent :
       {"boss", "Bearer", "Bearer ", "Bearer bos", "Bearer bosss", "Bearer Boss", "Bearer boss boss", "Bearer boss,old-host",
        "Digest boss", "Basic boss", "Basic", "Basic Ym9zcw==" /* boss */, "Basic Ym9zczp4" /* boss:x */,
        "Basic ====", "Basic eDpib3Nzcw==" /* x:bosss */, "Bearer \xff", " "}) {
    EXPECT_EQ(rights(sent), kNone) << sent;
  }
}

TEST_F(Authorization, EachRightNeedsItsFlag) {
  EXPECT_TRUE(allows(kNone, Right::none));
  for (const Right right : {Right::heartbeat, Right::download, Right::operate, Right::owner}) {
    EXPECT_FALSE(allows(kNone, right));
    EXPECT_TRUE(allows(kAll, right));
  }
  EXPECT_TRUE(allows(kHost, Right::heartbeat) && allows(kHost, Right::download));
  EXPECT_FALSE(allows(kHost, Right::operate) || allows(kHost, Right::owner));
  EXPECT_TRUE(allows(kOperator, Right::download) && allows(kOperator, Right::operate));
  EXPECT_FALSE(allows(kOperator, Right::heartbeat));
}

TEST_F(Authorization, TheOwnerNeedsNoToken) {
  HttpRequest request = with("Bearer wrong");
  request.from_owner = true;
  EXPECT_EQ(rights_of(request, config), kAll);
}

TEST_F(Authorization, ARefusalNamesTheReasonAndMakesABrowserAskForAPassword) {
  const HttpResponse missing = refusal(with(""), config, "http.tokens");
  EXPECT_EQ(missing.status, 401);
  EXPECT_EQ(missing.headers.at(0), (std::pair<std::string, std::string>("WWW-Authenticate", "Basic realm=\"ops-meta\"")));
  EXPECT_EQ(missing.body,
            "a token is missing: send \"Authorization: Bearer TOKEN\", or curl -u x:TOKEN, with one of this ops-meta's "
            "http.tokens\n");
  EXPECT_EQ(refusal(with("Bearer x"), config, "http.adminTokens").body,
            "the token is wrong: it is not in this ops-meta's http.adminTokens\n");
  HttpRequest script;
  script.headers = {{"Accept", "application/json"}};
  EXPECT_EQ(refusal(script, config, "x").headers.at(0).second, "Bearer realm=\"ops-meta\"") << "no dialog at each refresh";
}

struct AuthorizationByCertificate : Authorization {
  AuthorizationByCertificate() { config.tls.ca = "ca.pem"; }
  static HttpRequest named(const std::vector<std::string>& names, const std::string& authorization = "") {
    HttpRequest request = with(authorization);
    request.certificate_names = names;
    return request;
  }
  static std::string text_of(const std::optional<HttpResponse>& response) { return response ? response->body : "none"; }
};

TEST_F(AuthorizationByCertificate, NeedsTheTokenAsWell) {
  EXPECT_EQ(rights_of(named({"h1"}), config), kNone);
  EXPECT_EQ(rights("Bearer new-host"), kNone);
  EXPECT_EQ(rights_of(named({"h1"}, "Bearer new-host"), config), kHost);
  EXPECT_EQ(rights("Bearer boss"), kOperator) << "a browser has no certificate";
  EXPECT_EQ(refusal(with("Bearer new-host"), config, "http.tokens").status, 403);
  EXPECT_EQ(refusal(with(""), config, "http.adminTokens").status, 401);
}

TEST_F(AuthorizationByCertificate, IsEnoughWithoutTokens) {
  config.tokens.clear();
  config.admin_tokens.clear();
  EXPECT_EQ(rights(""), kNone);
  EXPECT_EQ(rights_of(named({"h1"}), config), kAll);
  EXPECT_EQ(refusal(with(""), config, "http.adminTokens").body,
            "a certificate is missing: this ops-meta requires a client certificate (http.tls.clientCa)\n");
}

TEST_F(AuthorizationByCertificate, AllowsHeartbeatsOfTheHostsThatItNames) {
  const HttpRequest request = named({"h1", "h1.example"});
  EXPECT_EQ(text_of(refusal_of_name(request, config, "h1")), "none");
  EXPECT_EQ(text_of(refusal_of_name(request, config, "h1.example")), "none");
  EXPECT_NE(text_of(refusal_of_name(request, config, "H1")), "none") << "another host";
  EXPECT_EQ(text_of(refusal_of_name(request, config, "h11")),
            "the heartbeat is from host h11, but the client's certificate names h1, h1.example; the hostname must be in the "
            "certificate, in the same case\n");
  config.tls.ca.clear();
  EXPECT_EQ(text_of(refusal_of_name(request, config, "h11")), "none");
}

}  // namespace
}  // namespace ops::meta
