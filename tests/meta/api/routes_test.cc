// The route table, heartbeats, the front page, reloads and limits; operator_routes_test.cc has the routes for operators.

#include <set>

#include "common/base/version.h"
#include "tests/meta/api/routes_fixture.h"

namespace ops::tests {
namespace {

struct Routes : RoutesTest {};

TEST_F(Routes, AHeartbeatIsAnsweredWithTheAssignedAgents) {
  expect_json(heartbeat(R"({"hostname":"h1","realAgents":[{"name":"falcon-agent","version":"1.0.0","status":"started",)"
                        R"("timestamp":1447000000}]})"),
              R"({"errorMessage":"","desiredAgents":[{"name":"falcon-agent","version":"1.0.1",)"
              R"("tarball":"http://127.0.0.1:2100/falcon","md5":"","cmd":"start"}]})");
  EXPECT_NE(heartbeat(R"({"hostname":"lg-1"})").body.find(R"("version":"9")"), std::string::npos);
  ASSERT_TRUE(hosts.find("h1"));
  EXPECT_EQ(*hosts.find("h1")->agent("falcon-agent"), (RealAgent{"falcon-agent", "1.0.0", "started", 1447000000}));
}

TEST_F(Routes, ABadHeartbeatChangesNothing) {
  expect_text(heartbeat(" "), 400, "body is blank\n");
  expect_text(heartbeat("{\"hostname\":"), 400, "body format error\n");
  expect_text(heartbeat("{\"hostname\":\"\"}"), 400, "hostname is blank\n");
  expect_text(heartbeat(R"({"hostname":"a b"})"), 400,
              "hostname \"a b\" is longer than 253 bytes, or has white space, control characters or invisible characters\n");
  EXPECT_EQ(hosts.size(), 0u);
  report("h1", {{"falcon-agent", "1", "started", 7}});
  EXPECT_EQ(heartbeat(R"({"hostname":"h1","realAgents":[{"name":7}]})").status, 400);
  EXPECT_NE(hosts.find("h1")->agent("falcon-agent"), nullptr);
}

TEST_F(Routes, AnAgentWithAnInvalidNameIsLeftOutOfAHeartbeat) {
  testing::internal::CaptureStderr();
  for (int i = 0; i < 3; ++i) {
    const HttpResponse reply = heartbeat(R"({"hostname":"h1","realAgents":[{"name":"my agent","version":"1"},)"
                                         R"({"name":"falcon-agent","version":"1.0.1","status":"started"},{"name":"@"}]})");
    EXPECT_EQ(reply.status, 200);
    EXPECT_NE(reply.body.find(R"("version":"1.0.1")"), std::string::npos) << reply.body;
  }
  const std::string log = testing::internal::GetCapturedStderr();
  EXPECT_EQ(log.substr(log.find("left out")),
            "left out an agent of host h1: agent name \"my agent\" is not of the form "
            "[A-Za-z0-9][A-Za-z0-9._+-]{0,127}; and 1 more\n");
  EXPECT_EQ(hosts.find("h1")->agents.size(), 1u);
  EXPECT_NE(get("/metrics").body.find("\nops_meta_heartbeat_agents_left_out_total 6\n"), std::string::npos);
}

TEST_F(Routes, RefusedHeartbeatsAreLoggedOnceAndCounted) {
  testing::internal::CaptureStderr();
  for (int i = 0; i < 3; ++i) EXPECT_EQ(heartbeat(R"({"hostname":"h1","realAgents":7})").status, 400);
  const std::string log = testing::internal::GetCapturedStderr();
  EXPECT_EQ(log.substr(log.find("refused")), "refused a heartbeat from 192.0.2.7: host h1: 400, body format error\n");
  const std::string summary = whole_body(get("/status/summary"));
  EXPECT_NE(summary.find(R"("refused":{"total":3,"peers":1,"examples":[{"peer":"192.0.2.7","at":)"), std::string::npos)
      << summary;
  EXPECT_NE(summary.find(R"("why":"host h1: 400, body format error"}])"), std::string::npos) << summary;
  HttpRequest text{"GET", "/status/summary", {}, "", "127.0.0.1"};
  text.query = {{"format", "text"}};
  EXPECT_NE(whole_body(routes.handle(text)).find("; heartbeats refused from 192.0.2.7 (host h1: 400, body format error)\n"),
            std::string::npos);
}

TEST_F(Routes, HeartbeatsWithoutTheTokenAreLogged) {
  write_config(R"({"http": {"listen": "127.0.0.1:2000", "tokens": ["t0"]}, "agents": []})");
  ASSERT_TRUE(routes.reload());
  testing::internal::CaptureStderr();
  EXPECT_EQ(heartbeat(R"({"hostname":"h1"})").status, 401);
  EXPECT_EQ(routes.handle({"POST", "/heartbeat", {{"Authorization", "Bearer wrong"}}, "x", "192.0.2.8"}).status, 401);
  const std::string log = testing::internal::GetCapturedStderr();
  EXPECT_NE(log.find("refused a heartbeat from 192.0.2.7: host h1: 401, a token is missing: "), std::string::npos) << log;
  EXPECT_NE(log.find("refused a heartbeat from 192.0.2.8: 401, the token is wrong: it is not in "), std::string::npos) << log;
}

TEST_F(Routes, AHeartbeatThatFindsTheTableFullGetsARandomRetryAfter) {
  write_config(R"({"http": {"listen": "127.0.0.1:2000"}, "agents": [], "maxHosts": 1})");
  EXPECT_EQ(get("/config/reload").status, 200);
  EXPECT_EQ(heartbeat(R"({"hostname":"h1"})").status, 200);
  const HttpResponse response = heartbeat(R"({"hostname":"h2"})");
  expect_text(response, 503, "the host table is full: 1 host\n");
  ASSERT_EQ(response.headers.size(), 1u);
  EXPECT_EQ(response.headers[0].first, "Retry-After");
  EXPECT_GE(std::stoi(response.headers[0].second), 240);
  std::set<std::string> pauses;
  for (int i = 0; i < 20; ++i) pauses.insert(heartbeat(R"({"hostname":"h3"})").headers.at(0).second);
  EXPECT_GT(pauses.size(), 1u) << "hosts retry at different times";
  EXPECT_EQ(heartbeat(R"({"hostname":"h1"})").status, 200);
}

TEST_F(Routes, AWrongMethodIsA405ThatNamesTheRightOne) {
  using Headers = decltype(HttpResponse::headers);
  for (const std::string path : {"/heartbeat", "/plan", "/rollout/halt", "/rollout/resume"}) {
    for (const std::string method : {"GET", "HEAD"}) {
      const HttpResponse response = ask(method, path);
      expect_text(response, 405, path + " takes only POST\n");
      EXPECT_EQ(response.headers, (Headers{{"Allow", "POST"}})) << path;
    }
  }
  for (const std::string path :
       {"/", "/health", "/config/reload", "/status/text/falcon-agent", "/metrics", "/file", "/no", ""}) {
    const HttpResponse response = ask("POST", path);
    expect_text(response, 405, "POST is only for /heartbeat, /plan, /rollout/halt, /rollout/resume\n");
    EXPECT_EQ(response.headers, (Headers{{"Allow", "GET, HEAD"}})) << path;
  }
}

/// Which list of tokens a request to each path needs, and that the method is checked first except for heartbeats.
TEST_F(Routes, EachPathNeedsItsToken) {
  write_config(R"({"http": {"listen": "127.0.0.1:2000", "tokens": ["host"], "adminTokens": ["boss"]}, "agents": [],)"
               R"( "tarballDir": ")" +
               (folder / "tarball") + "\"}");
  ASSERT_TRUE(routes.reload());
  const auto answer_to = [this](const std::string& method, const std::string& path, const std::string& token) {
    HttpRequest request{method, path, {}, "{}", "192.0.2.7"};
    if (!token.empty()) request.headers = {{"Authorization", "Bearer " + token}};
    return routes.handle(request);
  };
  const auto is_allowed = [&](const std::string& method, const std::string& path, const std::string& token) {
    return answer_to(method, path, token).status != 401;
  };
  for (const std::string path : {"/health", "/version"}) EXPECT_TRUE(is_allowed("GET", path, "")) << path;
  for (const std::string path : {"/", "/workdir", "/config/reload", "/status", "/status/", "/status/text", "/status/json",
                                 "/status/text/a", "/status/json/a", "/status/host/h1", "/status/hosts", "/status/summary",
                                 "/status/typo", "/explain", "/explain/h1", "/events", "/metrics", "/config/typo"}) {
    for (const std::string token : {"", "host"}) {
      const HttpResponse response = answer_to("GET", path, token);
      EXPECT_EQ(response.status, 401) << path;
      EXPECT_TRUE(response.body.ends_with(" http.adminTokens\n") || response.body.ends_with("'s http.adminTokens\n")) << path;
    }
    EXPECT_TRUE(is_allowed("GET", path, "boss")) << path;
  }
  for (const std::string path : {"/plan", "/rollout/halt", "/rollout/resume"}) {
    for (const std::string token : {"", "host"}) EXPECT_FALSE(is_allowed("POST", path, token)) << path;
    EXPECT_TRUE(is_allowed("POST", path, "boss")) << path;
    EXPECT_EQ(answer_to("GET", path, "").status, 405) << path;
  }
  for (const std::string path : {"/file", "/no", "/falcon-agent/", "/statuses", "/rollouts/x"}) {
    EXPECT_FALSE(is_allowed("GET", path, "")) << path;
    for (const std::string token : {"host", "boss"}) EXPECT_TRUE(is_allowed("GET", path, token)) << path;
  }
  for (const std::string method : {"GET", "POST"}) {
    for (const std::string token : {"", "boss"}) EXPECT_FALSE(is_allowed(method, "/heartbeat", token)) << method;
    EXPECT_TRUE(is_allowed(method, "/heartbeat", "host")) << method;
  }
}

TEST_F(Routes, AFileNeedsItsTokenWhereAPageNeedsNone) {
  write_config(R"({"http": {"listen": "127.0.0.1:2000", "tokens": ["host"]}, "agents": []})");
  ASSERT_TRUE(routes.reload());
  EXPECT_EQ(get("/status/summary").status, 200);
  for (const std::string path : {"/", "/status", "/status/typo", "/file"}) {
    const HttpResponse response = get(path);
    EXPECT_EQ(response.status, 401) << path;
    EXPECT_TRUE(response.body.ends_with("http.tokens\n")) << response.body;
  }
}

TEST_F(Routes, TheFrontIsThePageForBrowsersAndAListingForScripts) {
  HttpRequest request{"GET", "/", {{"Accept", "text/html,*/*"}}, "", "127.0.0.1"};
  const HttpResponse page = routes.handle(request);
  EXPECT_TRUE(page.body.starts_with("<!doctype html>\n<html lang=\"en\">")) << page.body.substr(0, 200);
  request.headers = {{"Accept", "*/*"}};
  const HttpResponse listing = routes.handle(request);
  EXPECT_NE(listing.body.find("<a href=\"./file\">file</a>"), std::string::npos) << listing.body;
}

TEST_F(Routes, AdminPathsAnswerAsTheOriginal) {
  expect_text(get("/health"), 200, "ok");
  expect_text(get("/version"), 200, version());
  const HttpResponse workdir = get("/workdir");
  EXPECT_EQ(workdir.content_type, kJson);
  EXPECT_TRUE(workdir.body.starts_with(R"({"msg":"success","data":"/)")) << workdir.body;
  expect_text(get("/no"), 404, "404 page not found\n");
  EXPECT_TRUE(get("/file").file_body.file) << "a file of tarballDir";
}

TEST_F(Routes, AReloadAppliesTheConfigAndPrintsIt) {
  write_config(config_text("1.0.2"));
  for (const std::string peer : {"127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"}) {
    const HttpResponse response = ask("GET", "/config/reload", peer);
    expect_json(response, "{\"msg\":\"success\",\"data\":" + meta::to_json(*routes.config()) + "}");
  }
  EXPECT_NE(heartbeat(R"({"hostname":"h1"})").body.find(R"("version":"1.0.2")"), std::string::npos);
}

TEST_F(Routes, AReloadIsForThisMachineOnly) {
  write_config(config_text("1.0.2"));
  for (const std::string peer : {"192.0.2.7", "1.127.0.0", "::2", "::ffff:192.0.2.7", ""}) {
    expect_text(ask("GET", "/config/reload", peer), 200, "no privilege");
  }
  EXPECT_EQ(routes.config()->agents[0].defaults.version, "1.0.1");
}

TEST_F(Routes, AReloadOfABadConfigChangesNothingAndListsTheFaults) {
  const auto before = routes.config();
  for (const std::string bad : {"", "{\"http\": ", "{}", R"({"http": {"listen": "x"}, "agents": []})", R"({"http": 1e999})"}) {
    write_config(bad);
    const HttpResponse response = get("/config/reload");
    EXPECT_EQ(response.status, 200) << bad;
    EXPECT_EQ(response.content_type, kJson);
    EXPECT_TRUE(response.body.starts_with("{\"msg\":\"parse config file " + config_path + " fail")) << response.body;
    EXPECT_EQ(response.body.find("data"), std::string::npos);
    EXPECT_EQ(routes.config(), before);
  }
  write_config(config_text("../x"));
  EXPECT_NE(get("/config/reload").body.find("agents[0].default.version: version \\\"../x\\\" is not of the form"),
            std::string::npos);
  EXPECT_EQ(routes.config(), before);
}

TEST_F(Routes, AReloadAppliesAnotherTarballFolder) {
  write_file(folder / "other/new", "content");
  write_config(R"({"http": {"listen": "127.0.0.1:2000"}, "agents": [], "tarballDir": ")" + (folder / "other") + "\"}");
  EXPECT_EQ(get("/new").status, 404);
  EXPECT_EQ(get("/config/reload").status, 200);
  EXPECT_TRUE(get("/new").file_body.file);
  EXPECT_EQ(get("/file").status, 404);
}

TEST_F(Routes, AHostWaitsUntilAnotherHasProvenTheVersion) {
  const auto heartbeat_of = [&](const std::string& host, const std::string& version) {
    const HttpResponse reply =
        heartbeat(to_json(HeartbeatRequest{host, {{"falcon-agent", version, "started", 1}}, {}, "1.0.0", "linux_amd64"}));
    const auto parsed = parse_heartbeat_response(reply.body);
    EXPECT_TRUE(parsed) << reply.body;
    return parsed->desired_agents.at(0).version;
  };
  EXPECT_EQ(heartbeat_of("h1", "1.0.0"), "1.0.1");
  EXPECT_EQ(heartbeat_of("h2", "1.0.0"), "1.0.0");
  EXPECT_EQ(heartbeat_of("h1", "1.0.1"), "1.0.1");
  EXPECT_EQ(heartbeat_of("h2", "1.0.0"), "1.0.1");
  const std::string summary = whole_body(get("/status/summary"));
  EXPECT_NE(summary.find(R"("rollouts":{"falcon-agent":{"1.0.1":{"desired":2,"running":1,"peak":1,"inflight":1,"failed":0,)"),
            std::string::npos)
      << summary;
}

TEST_F(Routes, LimitsDownloadsOfLargeFiles) {
  write_config(R"({"http": {"listen": "127.0.0.1:2000", "maxDownloads": 2}, "agents": [], "tarballDir": ")" +
               (folder / "tarball") + "\"}");
  ASSERT_TRUE(routes.reload());
  write_file(folder / "tarball/large", std::string(100'000, 'x'));
  const HttpResponse first = get("/large");
  HttpResponse second = get("/large");
  EXPECT_EQ(second.status, 200);
  const HttpResponse third = get("/large");
  EXPECT_EQ(third.status, 503);
  EXPECT_EQ(third.body, "at most 2 downloads at a time\n");
  ASSERT_EQ(third.headers.size(), 1u);
  EXPECT_EQ(third.headers[0].first, "Retry-After");
  EXPECT_GE(std::stoi(third.headers[0].second), 5);
  EXPECT_EQ(get("/file").status, 200) << "a small file takes no slot";
  second = {};
  EXPECT_EQ(get("/large").status, 200) << "the second download is over";
}

TEST_F(Routes, LimitsListings) {
  std::vector<HttpResponse> listings;
  for (int i = 0; i < 32; ++i) listings.push_back(get("/status/text/falcon-agent"));
  EXPECT_EQ(listings.back().status, 200);
  EXPECT_EQ(get("/status/json/falcon-agent").status, 503);
  EXPECT_EQ(get("/status/hosts").status, 503);
  EXPECT_EQ(get("/status/summary").status, 200);
  listings.clear();
  EXPECT_EQ(get("/status/json/falcon-agent").status, 200);
}

}  // namespace
}  // namespace ops::tests
