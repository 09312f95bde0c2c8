#include "meta/routes.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <ctime>

#include "common/daemon.h"
#include "tests/support/measure.h"
#include "tests/support/temp_dir.h"
#include "tests/support/whole_body.h"

namespace ops::tests {
namespace {

using meta::HostTable;

constexpr char kText[] = "text/plain; charset=UTF-8";
constexpr char kJson[] = "application/json; charset=UTF-8";

/// The config of one agent in this version.
std::string config_text(const std::string& version) {
  return R"({"http": {"listen": "127.0.0.1:2000"}, "agents": [{"default": {"name": "falcon-agent", "version": ")" + version +
         R"(", "tarball": "http://127.0.0.1:2100/falcon", "cmd": "start"}, "others": [{"prefix": "lg-", "version": "9"}]}]})";
}

struct Routes : testing::Test {
  Routes() {
    // GO-style local times, the same wherever the tests run.
    ::setenv("TZ", "CST-8", 1);
    ::tzset();
  }

  HttpResponse get(const std::string& target) { return ask("GET", target); }
  HttpResponse ask(const std::string& method, const std::string& target, const std::string& peer = "127.0.0.1") {
    return routes.handle({method, target, {}, "", peer});
  }
  HttpResponse get_with(const std::string& target, const std::string& key, const std::string& value) {
    HttpRequest request{"GET", target, {}, "", "127.0.0.1"};
    request.query = {{key, value}};
    return routes.handle(request);
  }
  HttpResponse post(const std::string& target, const std::string& body) {
    return routes.handle({"POST", target, {}, body, "192.0.2.7"});
  }
  HttpResponse heartbeat(const std::string& body) { return routes.handle({"POST", "/heartbeat", {}, body, "192.0.2.7"}); }

  void report(const std::string& hostname, std::vector<RealAgent> agents, std::vector<AgentUpdate> updates = {}) {
    const auto recorded = hosts.record({hostname, std::move(agents), std::move(updates), "1.0.0", "linux_amd64"},
                                       std::chrono::system_clock::now());
    EXPECT_TRUE(recorded);
  }

  void write_config(const std::string& text) const { write_file(path, text); }

  meta::Config load() const {
    write_config(config_text("1.0.1"));
    ConfigReport report;
    meta::Config config = meta::load_config(path, report);
    config.tarball_dir = folder / "tarball";
    write_file(folder / "tarball/file", "content");
    EXPECT_TRUE(report.ok()) << report.text(path);
    return config;
  }

  TempDir folder;
  std::string path = folder / "cfg.json";
  HostTable hosts;
  meta::Routes routes{path, load(), hosts};
};

void expect_text(const HttpResponse& response, int status, const std::string& body) {
  EXPECT_EQ(response.status, status);
  EXPECT_EQ(response.content_type, kText);
  EXPECT_EQ(whole_body(response), body);
}

void expect_json(const HttpResponse& response, const std::string& body) {
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.content_type, kJson);
  EXPECT_EQ(whole_body(response), body);
}

TEST_F(Routes, HeartbeatIsAnsweredWithTheDesiredAgents) {
  expect_json(heartbeat(R"({"hostname":"h1","realAgents":[{"name":"falcon-agent","version":"1.0.0","status":"started",)"
                        R"("timestamp":1447000000}]})"),
              R"({"errorMessage":"","desiredAgents":[{"name":"falcon-agent","version":"1.0.1",)"
              R"("tarball":"http://127.0.0.1:2100/falcon","md5":"","cmd":"start"}]})");
  EXPECT_NE(heartbeat(R"({"hostname":"lg-1"})").body.find(R"("version":"9")"), std::string::npos);
  ASSERT_TRUE(hosts.find("h1"));
  EXPECT_EQ(*hosts.find("h1")->agent("falcon-agent"), (RealAgent{"falcon-agent", "1.0.0", "started", 1447000000}));
}

TEST_F(Routes, BadHeartbeatChangesNothing) {
  expect_text(heartbeat(" "), 400, "body is blank\n");
  expect_text(heartbeat("{\"hostname\":"), 400, "body format error\n");
  expect_text(heartbeat("{\"hostname\":\"\"}"), 400, "hostname is blank\n");
  expect_text(heartbeat(R"({"hostname":"a b"})"), 400,
              "hostname \"a b\" is longer than 253 bytes, or has white space or control characters\n");
  EXPECT_EQ(hosts.size(), 0u);
  report("h1", {{"falcon-agent", "1", "started", 7}});
  EXPECT_EQ(heartbeat(R"({"hostname":"h1","realAgents":[{"name":"../x","version":"1"}]})").status, 400);
  EXPECT_NE(hosts.find("h1")->agent("falcon-agent"), nullptr);
}

TEST_F(Routes, HeartbeatThatFindsNoRoomShouldComeBack) {
  write_config(R"({"http": {"listen": "127.0.0.1:2000"}, "agents": [], "maxHosts": 1})");
  EXPECT_EQ(get("/config/reload").status, 200);
  EXPECT_EQ(heartbeat(R"({"hostname":"h1"})").status, 200);
  const HttpResponse response = heartbeat(R"({"hostname":"h2"})");
  expect_text(response, 503, "the host table is full: 1 hosts\n");
  ASSERT_EQ(response.headers.size(), 1u);
  EXPECT_EQ(response.headers[0].first, "Retry-After");
  EXPECT_GE(std::stoi(response.headers[0].second), 240);
  EXPECT_NE(heartbeat(R"({"hostname":"h3"})").headers, response.headers) << "not all at once";
  EXPECT_EQ(heartbeat(R"({"hostname":"h1"})").status, 200);
}

TEST_F(Routes, HeartbeatIsAPost) {
  const HttpResponse response = get("/heartbeat");
  expect_text(response, 405, "a heartbeat is a POST\n");
  EXPECT_EQ(ask("POST", "/health").status, 405);
  EXPECT_EQ(ask("POST", "/file").status, 405);
}

TEST_F(Routes, StatusTextHasTheOriginalsColumnsSorted) {
  report("h2", {});
  report("h1", {{"falcon-agent", "1.0.1", "started", 1447000000}, {"other", "1", "stoped", 7}});
  report("h10", {{"falcon-agent", "1.0.1", "exec `./control status` fail: exit status 3", 0}});
  expect_text(get("/status/text/falcon-agent"), 200,
              "h1 1.0.1 started 1447000000 2015-11-09 00:26:40\n"
              "h10 1.0.1 exec `./control status` fail: exit status 3 0 1970-01-01 08:00:00\n"
              "h2 not found\n");
}

TEST_F(Routes, StatusTextIsALineForEachHostWhateverHostsSay) {
  heartbeat(R"({"hostname":"h1","realAgents":[{"name":"a","version":"1","status":"line 1\nh2 2 started","timestamp":7}]})");
  heartbeat(
      R"({"hostname":"h3","realAgents":[{"name":"a","version":"1","status":"started","timestamp":9223372036854775807}]})");
  expect_text(get("/status/text/a"), 200,
              "h1 1 line 1 h2 2 started 7 1970-01-01 08:00:07\nh3 1 started 9223372036854775807 -\n");
}

TEST_F(Routes, StatusIsEmptyWithoutHosts) {
  expect_text(get("/status/text/falcon-agent"), 200, "");
  expect_json(get("/status/json/falcon-agent"), "{}");
}

TEST_F(Routes, StatusJsonIsAnObjectByHostname) {
  report("h2", {});
  report("h1", {{"falcon-agent", "1.0.1", "started", 1447000000}});
  report("\"q\"", {{"falcon-agent", "1.0.1", "say \"hi\" \xff", 7}});
  expect_json(
      get("/status/json/falcon-agent"),
      R"({"\"q\"":{"name":"falcon-agent","version":"1.0.1","status":"say \"hi\" )"
      "\xEF\xBF\xBD"
      R"(","timestamp":7},"h1":{"name":"falcon-agent","version":"1.0.1","status":"started","timestamp":1447000000},"h2":null})");
}

TEST_F(Routes, StatusJsonTellsWhatHappensToTheAgentBesideRunning) {
  report("h1", {}, {{"falcon-agent", "2", "downloading", 1, 2, 1, 7, ""}});
  expect_json(get("/status/json/falcon-agent"),
              R"({"h1":{"update":{"name":"falcon-agent","version":"2","phase":"downloading","done":1,"total":2,"attempts":1,)"
              R"("since":7,"error":""}}})");
}

TEST_F(Routes, StatusOfAllOfManyHostsTakesAMoment) {
  for (int i = 0; i < 50'000; ++i) report("host-" + std::to_string(i), {{"falcon-agent", "1", "started", 7}});
  const double limit = kSanitized ? 20 : 2;
  size_t size = 0;
  EXPECT_LT(seconds_of([&] { size = whole_body(get("/status/json/falcon-agent")).size(); }), limit);
  EXPECT_GT(size, 50'000u * 70);
  EXPECT_LT(seconds_of([&] { size = whole_body(get("/status/text/falcon-agent")).size(); }), limit);
  EXPECT_GT(size, 50'000u * 30);
}

TEST_F(Routes, StatusWantsAnAgentsName) {
  expect_text(get("/status/text/"), 400, "agent name is blank\n");
  expect_text(get("/status/json/"), 400, "agent name is blank\n");
  for (const std::string kind : {"/status/text", "/status/json"}) {
    const HttpResponse response = get(kind);
    EXPECT_EQ(response.status, 301);
    EXPECT_EQ(response.headers, (decltype(response.headers){{"Location", kind + "/"}}));
  }
  EXPECT_EQ(get("/status").status, 404);
}

TEST_F(Routes, StatusTakesFilters) {
  report("h1", {{"a", "1", "started", 7}});
  report("h2", {{"a", "2", "started", 7}});
  const auto ask_for = [&](const std::string& target, const std::string& key) {
    HttpRequest request{"GET", target, {}, "", "127.0.0.1"};
    request.query = {{key, "2"}};
    return routes.handle(request);
  };
  expect_text(ask_for("/status/text/a", "version"), 200, "h2 2 started 7 1970-01-01 08:00:07\n");
  expect_json(ask_for("/status/json/a", "version"), R"({"h2":{"name":"a","version":"2","status":"started","timestamp":7}})");
  expect_text(ask_for("/status/json/a", "x"), 400,
              "\"x\" is no filter; there are version, status, phase, prefix, from and limit\n");
}

TEST_F(Routes, StatusHostsIsAPageOfHosts) {
  report("h1", {});
  report("h2", {});
  HttpRequest request{"GET", "/status/hosts", {}, "", "127.0.0.1"};
  request.query = {{"limit", "1"}};
  const HttpResponse page = routes.handle(request);
  EXPECT_EQ(page.content_type, kJson);
  const std::string body = whole_body(page);
  EXPECT_TRUE(body.starts_with(R"({"hosts":[{"hostname":"h1","heardAt":)")) << body;
  EXPECT_TRUE(body.ends_with(R"(}],"next":"h2"})")) << body;
  request.query = {{"limit", "x"}};
  expect_text(routes.handle(request), 400, "limit is \"x\", should be a number of hosts like 100\n");
}

TEST_F(Routes, StatusSummaryIsJson) {
  report("h1", {{"a", "1", "started", 7}});
  const HttpResponse response = get("/status/summary");
  EXPECT_EQ(response.content_type, kJson);
  const std::string body = whole_body(response);
  EXPECT_TRUE(body.starts_with(R"({"hosts":1,"agents":{"a":{"versions":{"1":)"
                               R"({"hosts":1,"started":1,"stopped":0,"other":0,"updates":{}}}}})"))
      << body;
}

TEST_F(Routes, StatusSummaryForPeopleIsText) {
  report("h1", {{"falcon-agent", "1.0.1", "started", 7}});
  expect_text(get_with("/status/summary", "format", "text"), 200,
              "1 hosts, 0 heartbeats/s\nfalcon-agent 1.0.1  runs on 1 of 1 hosts\nfalcon-agent 9  runs on 0 of 0 hosts\n");
  EXPECT_NE(whole_body(get_with("/status/summary", "format", "bars")).find("[##############################] 100 %"),
            std::string::npos);
  expect_text(get_with("/status/summary", "format", "xml"), 400, "format is json, text or bars\n");
}

TEST_F(Routes, PlanSaysWhatAConfigWouldDo) {
  report("h1", {{"falcon-agent", "1.0.1", "started", 7}});
  expect_text(post("/plan", config_text("1.0.2")), 200,
              "1 host is known.\n\nfalcon-agent\n  1.0.1 -> 1.0.2  1 host, like h1\n  no change  0 hosts\n"
              "  others[0], hosts lg-*  0 hosts\n"
              "  warning: no host has 1.0.2 yet, and every host is to get it, one after the other at first; is that version "
              "right? \"others\": [{\"percent\": 1, …}] tries it on a share\n"
              "  warning: others[0], hosts lg-*: that is none of the 1 host known here\n");
  const HttpResponse refused = post("/plan", R"({"agents": [{"default": {"name": "a/b", "version": ""}}]})");
  EXPECT_EQ(refused.status, 400);
  for (const char* error : {"the new config: error: agents[0].default.name", "the new config: error: agents[0].default.version",
                            "the new config: error: http: is missing"}) {
    EXPECT_NE(refused.body.find(error), std::string::npos) << error << " is not in " << refused.body;
  }
  EXPECT_EQ(routes.config()->agents[0].defaults.version, "1.0.1") << "nothing has changed";
}

TEST_F(Routes, ExplainSaysWhyAHostIsToldWhatItIsTold) {
  report("h1", {{"falcon-agent", "1.0.0", "started", 7}});
  const std::string text = get("/explain/h1").body;
  EXPECT_NE(text.find("  is told    1.0.1: it may go, with its next heartbeat\n"), std::string::npos) << text;
  EXPECT_EQ(get_with("/explain/h1", "format", "json").content_type, kJson);
  expect_text(get("/explain/no"), 404, "host \"no\" is not known here\n");
}

TEST_F(Routes, OnlyTheOwnerHaltsAndResumes) {
  const auto order = [this](const std::string& target, const std::string& agent, bool from_owner) {
    HttpRequest request{"POST", target, {}, "", "127.0.0.1"};
    request.query = {{"agent", agent}, {"version", "1.0.1"}};
    request.from_owner = from_owner;
    return routes.handle(request);
  };
  EXPECT_EQ(order("/rollout/halt", "falcon-agent", false).status, 403);
  EXPECT_EQ(order("/rollout/halt", "x", true).status, 400);
  report("h1", {{"falcon-agent", "1.0.0", "started", 7}});
  expect_text(order("/rollout/halt", "falcon-agent", true), 200,
              "falcon-agent 1.0.1 is halted by hand, until the agent's entry in cfg.json changes\n");
  const std::string beat = to_json(HeartbeatRequest{"h1", {{"falcon-agent", "1.0.0", "started", 1}}, {}, "", ""});
  EXPECT_NE(heartbeat(beat).body.find("\"1.0.0\""), std::string::npos) << "it is told its own";
  EXPECT_EQ(order("/rollout/resume", "falcon-agent", true).status, 200);
  EXPECT_NE(heartbeat(beat).body.find("\"1.0.1\""), std::string::npos);

  EXPECT_EQ(order("/rollout/halt", "falcon-agent", true).status, 200);
  ASSERT_TRUE(routes.reload());
  EXPECT_NE(heartbeat(beat).body.find("\"1.0.0\""), std::string::npos) << "the same config ends nothing";
  std::string changed = config_text("1.0.1");
  changed.replace(changed.find("lg-"), 3, "lh-");
  write_config(changed);
  ASSERT_TRUE(routes.reload());
  EXPECT_NE(heartbeat(beat).body.find("\"1.0.1\""), std::string::npos) << "another one does";
}

TEST_F(Routes, StatusOfOneHostHasAllItsAgents) {
  report("h1", {{"a", "1", "started", 7}}, {{"a", "2", "failed", 0, 0, 3, 7, "why"}, {"b", "1", "waiting", 0, 0, 0, 7, ""}});
  const HttpResponse response = get("/status/host/h1");
  EXPECT_EQ(response.content_type, kJson);
  EXPECT_TRUE(response.body.starts_with(R"({"hostname":"h1","heardAt":)")) << response.body;
  for (const std::string part : {R"("updaterVersion":"1.0.0","platform":"linux_amd64","agents":[{"name":"a","version":"1",)"
                                 R"("status":"started","timestamp":7,"update":{)",
                                 R"("error":"why"}})", R"({"name":"b","update":{)"}) {
    EXPECT_NE(response.body.find(part), std::string::npos) << part << " is not in " << response.body;
  }
  expect_text(get("/status/host/no"), 404, "host \"no\" is not known here\n");
}

TEST_F(Routes, FrontIsThePageForBrowsersAndAListingForScripts) {
  HttpRequest request{"GET", "/", {{"Accept", "text/html,*/*"}}, "", "127.0.0.1"};
  const HttpResponse page = routes.handle(request);
  EXPECT_TRUE(page.body.starts_with("<!doctype html>\n<html lang=\"en\">")) << page.body.substr(0, 200);
  request.headers = {{"Accept", "*/*"}};
  const HttpResponse listing = routes.handle(request);
  EXPECT_NE(listing.body.find("<a href=\"./file\">file</a>"), std::string::npos) << listing.body;
}

TEST_F(Routes, SmallOnesAnswerAsTheOriginal) {
  expect_text(get("/health"), 200, "ok");
  expect_text(get("/version"), 200, version());
  const HttpResponse workdir = get("/workdir");
  EXPECT_EQ(workdir.content_type, kJson);
  EXPECT_TRUE(workdir.body.starts_with(R"({"msg":"success","data":"/)")) << workdir.body;
  expect_text(get("/no"), 404, "404 page not found\n");
  EXPECT_TRUE(get("/file").file_body.file) << "all else is a file of tarballDir";
}

TEST_F(Routes, ReloadTakesUpTheConfigAndPrintsIt) {
  write_config(config_text("1.0.2"));
  for (const std::string peer : {"127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"}) {
    const HttpResponse response = ask("GET", "/config/reload", peer);
    expect_json(response, "{\"msg\":\"success\",\"data\":" + meta::to_json(*routes.config()) + "}");
  }
  EXPECT_NE(heartbeat(R"({"hostname":"h1"})").body.find(R"("version":"1.0.2")"), std::string::npos);
}

TEST_F(Routes, ReloadIsForThisMachineOnly) {
  write_config(config_text("1.0.2"));
  for (const std::string peer : {"192.0.2.7", "1.127.0.0", "::2", "::ffff:192.0.2.7", ""}) {
    expect_text(ask("GET", "/config/reload", peer), 200, "no privilege");
  }
  EXPECT_EQ(routes.config()->agents[0].defaults.version, "1.0.1");
}

TEST_F(Routes, ReloadOfABadConfigChangesNothingAndSaysWhy) {
  const auto before = routes.config();
  for (const std::string bad : {"", "{\"http\": ", "{}", R"({"http": {"listen": "x"}, "agents": []})", R"({"http": 1e999})"}) {
    write_config(bad);
    const HttpResponse response = get("/config/reload");
    EXPECT_EQ(response.status, 200) << bad;
    EXPECT_EQ(response.content_type, kJson);
    EXPECT_TRUE(response.body.starts_with("{\"msg\":\"parse config file " + path + " fail")) << response.body;
    EXPECT_EQ(response.body.find("data"), std::string::npos);
    EXPECT_EQ(routes.config(), before);
  }
  write_config(config_text("../x"));
  EXPECT_NE(get("/config/reload").body.find("agents[0].default.version: version \\\"../x\\\" is not of the form"),
            std::string::npos);
  EXPECT_EQ(routes.config(), before);
}

TEST_F(Routes, ReloadTakesUpAnotherTarballFolder) {
  write_file(folder / "other/new", "content");
  write_config(R"({"http": {"listen": "127.0.0.1:2000"}, "agents": [], "tarballDir": ")" + (folder / "other") + "\"}");
  EXPECT_EQ(get("/new").status, 404);
  EXPECT_EQ(get("/config/reload").status, 200);
  EXPECT_TRUE(get("/new").file_body.file);
  EXPECT_EQ(get("/file").status, 404);
}

TEST_F(Routes, HoldsHostsUntilOthersHaveProvenAVersion) {
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
  EXPECT_NE(summary.find(R"("rollouts":{"falcon-agent":{"1.0.1":{"desired":2,"running":1,"proven":1,"inflight":1,"failed":0,)"),
            std::string::npos)
      << summary;
}

TEST_F(Routes, LimitsDownloadsButNotChecksums) {
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
  EXPECT_EQ(get("/file").status, 200) << "a small one needs no slot";
  second = {};
  EXPECT_EQ(get("/large").status, 200) << "its slot is free again";
}

TEST_F(Routes, LimitsListings) {
  std::vector<HttpResponse> listings;
  for (int i = 0; i < 32; ++i) listings.push_back(get("/status/text/a"));
  EXPECT_EQ(listings.back().status, 200);
  EXPECT_EQ(get("/status/json/a").status, 503);
  EXPECT_EQ(get("/status/hosts").status, 503);
  EXPECT_EQ(get("/status/summary").status, 200);
  listings.clear();
  EXPECT_EQ(get("/status/json/a").status, 200);
}

}  // namespace
}  // namespace ops::tests
