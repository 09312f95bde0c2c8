// The routes for operators: listings, summaries, plans, explanations, and orders to halt and resume.

#include "tests/meta/api/routes_fixture.h"
#include "tests/support/measure.h"

namespace ops::tests {
namespace {

struct OperatorRoutes : RoutesTest {};

TEST_F(OperatorRoutes, StatusTextHasTheColumnsOfTheOriginalSortedByHost) {
  report("h2", {});
  report("h1", {{"falcon-agent", "1.0.1", "started", 1447000000}, {"other", "1", "stoped", 7}});
  report("h10", {{"falcon-agent", "1.0.1", "exec `./control status` fail: exit status 3", 0}});
  expect_text(get("/status/text/falcon-agent"), 200,
              "h1 1.0.1 started 1447000000 2015-11-09 00:26:40\n"
              "h10 1.0.1 exec `./control status` fail: exit status 3 0 1970-01-01 08:00:00\n"
              "h2 not found\n");
}

TEST_F(OperatorRoutes, StatusTextIsOneLineForEachHostForAnyReport) {
  heartbeat(R"({"hostname":"h1","realAgents":[{"name":"a","version":"1","status":"line 1\nh2 2 crashed","timestamp":7}]})");
  heartbeat(
      R"({"hostname":"h3","realAgents":[{"name":"a","version":"1","status":"started","timestamp":9223372036854775807}]})");
  expect_text(get("/status/text/a"), 200,
              "h1 1 line 1 h2 2 crashed 7 1970-01-01 08:00:07\nh3 1 started 9223372036854775807 -\n");
}

TEST_F(OperatorRoutes, StatusIsEmptyWithoutHosts) {
  expect_text(get("/status/text/falcon-agent"), 200, "");
  expect_json(get("/status/json/falcon-agent"), "{}");
}

TEST_F(OperatorRoutes, StatusJsonIsAnObjectByHostname) {
  report("h2", {});
  report("h1", {{"falcon-agent", "1.0.1", "started", 1447000000}});
  report("\"q\"", {{"falcon-agent", "1.0.1", "say \"hi\" \xff", 7}});
  expect_json(
      get("/status/json/falcon-agent"),
      R"({"\"q\"":{"name":"falcon-agent","version":"1.0.1","status":"say \"hi\" )"
      "\xEF\xBF\xBD"
      R"(","timestamp":7},"h1":{"name":"falcon-agent","version":"1.0.1","status":"started","timestamp":1447000000},"h2":null})");
}

TEST_F(OperatorRoutes, StatusJsonHasTheUpdateOfTheAgent) {
  report("h1", {}, {{"falcon-agent", "2", "downloading", 1, 2, 1, 7, ""}});
  expect_json(get("/status/json/falcon-agent"),
              R"({"h1":{"update":{"name":"falcon-agent","version":"2","phase":"downloading","done":1,"total":2,"attempts":1,)"
              R"("since":7,"error":""}}})");
}

TEST_F(OperatorRoutes, StatusOf50000HostsTakesLessThanTwoSeconds) {
  for (int i = 0; i < 50'000; ++i) report("host-" + std::to_string(i), {{"falcon-agent", "1", "started", 7}});
  constexpr double limit = 20;  // seconds; time that grows with the square of the hosts takes minutes
  size_t size = 0;
  EXPECT_LT(seconds_of([&] { size = whole_body(get("/status/json/falcon-agent")).size(); }), limit);
  EXPECT_GT(size, 50'000u * 70);
  EXPECT_LT(seconds_of([&] { size = whole_body(get("/status/text/falcon-agent")).size(); }), limit);
  EXPECT_GT(size, 50'000u * 30);
}

TEST_F(OperatorRoutes, StatusNeedsTheNameOfAnAgent) {
  expect_text(get("/status/text/"), 400, "agent name is blank\n");
  expect_text(get("/status/json/"), 400, "agent name is blank\n");
  for (const std::string kind : {"/status/text", "/status/json"}) {
    const HttpResponse response = get(kind);
    EXPECT_EQ(response.status, 301);
    EXPECT_EQ(response.headers, (decltype(response.headers){{"Location", kind + "/"}}));
  }
  EXPECT_EQ(get("/status").status, 404);
}

TEST_F(OperatorRoutes, StatusAcceptsFilters) {
  report("h1", {{"a", "1", "started", 7}});
  report("h2", {{"a", "2", "started", 7}});
  const auto ask_for = [&](const std::string& target, const std::string& key) {
    HttpRequest request{"GET", target, {}, "", "127.0.0.1"};
    request.query = {{key, "2"}};
    return routes.handle(request);
  };
  expect_text(ask_for("/status/text/a", "version"), 200, "h2 2 started 7 1970-01-01 08:00:07\n");
  expect_json(ask_for("/status/json/a", "version"), R"({"h2":{"name":"a","version":"2","status":"started","timestamp":7}})");
  expect_text(ask_for("/status/text/a", "_"), 200, whole_body(get("/status/text/a")));
}

TEST_F(OperatorRoutes, StatusOfAnUnknownAgentListsTheKnownOnes) {
  expect_text(get("/status/text/TYPO"), 404,
              "cfg.json has no agent \"TYPO\" and no host reports it; known agents: falcon-agent\n");
  report("h1", {{"other", "1", "started", 7}}, {{"new", "1", "downloading", 0, 0, 1, 0, ""}});
  for (const std::string listing : {"/status/text/", "/status/json/"}) {
    expect_text(get(listing + "TYPO"), 404,
                "cfg.json has no agent \"TYPO\" and no host reports it; known agents: falcon-agent, new, other\n");
    for (const std::string known : {"falcon-agent", "other", "new"}) EXPECT_EQ(get(listing + known).status, 200) << known;
  }
  expect_text(get("/status/text/falcon-agent"), 200, "h1 not found\n");
  report("h1", {});
  EXPECT_EQ(get("/status/text/other").status, 404) << "no host reports it any more";
}

TEST_F(OperatorRoutes, StatusOfAnUnknownAgentListsAtMostAHundredNames) {
  for (int i = 0; i < 300; ++i) report("h" + std::to_string(i), {{"agent-" + std::to_string(1000 + i), "1", "started", 7}});
  const std::string body = get("/status/text/TYPO").body;
  EXPECT_NE(body.find("agent-1099 and 201 more\n"), std::string::npos) << body;
  EXPECT_EQ(body.find("agent-1100"), std::string::npos) << body;
}

TEST_F(OperatorRoutes, StatusHostsIsAPageOfHosts) {
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
  expect_text(routes.handle(request), 400, "limit is \"x\", expected a number of hosts like 100\n");
}

TEST_F(OperatorRoutes, StatusSummaryIsJson) {
  report("h1", {{"a", "1", "started", 7}});
  const HttpResponse response = get("/status/summary");
  EXPECT_EQ(response.content_type, kJson);
  const std::string body = whole_body(response);
  EXPECT_TRUE(body.starts_with(R"({"hosts":1,"agents":{"a":{"versions":{"1":)"
                               R"({"hosts":1,"started":1,"stopped":0,"other":0,"updates":{}}}}})"))
      << body;
}

TEST_F(OperatorRoutes, StatusSummaryIsTextOnRequest) {
  report("h1", {{"falcon-agent", "1.0.1", "started", 7}});
  expect_text(get_with("/status/summary", "format", "text"), 200,
              "1 host, 0 heartbeats/s\nfalcon-agent 1.0.1  runs on 1 of 1 host\nfalcon-agent 9  runs on 0 of 0 hosts\n");
  EXPECT_NE(whole_body(get_with("/status/summary", "format", "bars")).find("[##############################] 100 %"),
            std::string::npos);
  expect_text(get_with("/status/summary", "format", "xml"), 400, "format is json, text or bars\n");
}

TEST_F(OperatorRoutes, PlanListsTheEffectsOfAConfig) {
  report("h1", {{"falcon-agent", "1.0.1", "started", 7}});
  expect_text(
      post("/plan", config_text("1.0.2")), 200,
      "1 host is known.\n\nfalcon-agent\n  1.0.1 -> 1.0.2  1 host, like h1\n  no change  0 hosts\n"
      "  others[0], hosts lg-*  0 hosts\n"
      "  warning: no host has 1.0.2 yet, and every host would change to it, first one host, then more; check the version, "
      "or try it on a share with \"others\": [{\"percent\": 1, …}]\n"
      "  warning: others[0], hosts lg-*: applies to none of the 1 host known here\n");
  const HttpResponse refused = post("/plan", R"({"agents": [{"default": {"name": "a/b", "version": ""}}]})");
  EXPECT_EQ(refused.status, 400);
  for (const char* error : {"the new config: error: agents[0].default.name", "the new config: error: agents[0].default.version",
                            "the new config: error: http: is missing"}) {
    EXPECT_NE(refused.body.find(error), std::string::npos) << error << " is not in " << refused.body;
  }
  EXPECT_EQ(routes.config()->agents[0].defaults.version, "1.0.1") << "a plan changes nothing";
}

TEST_F(OperatorRoutes, ExplainGivesTheReasonForTheReplyToAHost) {
  report("h1", {{"falcon-agent", "1.0.0", "started", 7}});
  const std::string text = get("/explain/h1").body;
  EXPECT_NE(text.find("  answer     1.0.1: the host gets a lease with its next heartbeat\n"), std::string::npos) << text;
  EXPECT_EQ(get_with("/explain/h1", "format", "json").content_type, kJson);
  expect_text(get("/explain/no"), 404, "unknown host \"no\": ops-meta has no heartbeat from it\n");
}

TEST_F(OperatorRoutes, EventsAreListedWithTheOperator) {
  expect_json(get("/events"), R"({"events":[],"next":0})");
  write_config("{");
  EXPECT_FALSE(routes.reload("ann"));
  HttpRequest request{"POST", "/rollout/halt", {}, "", "local"};
  request.query = {{"agent", "falcon-agent"}, {"version", "1.0.1"}};
  request.from_owner = true;
  request.owner_uid = 0;
  EXPECT_EQ(routes.handle(request).status, 200);
  request.owner_uid = 4'000'000'000;
  request.path = "/rollout/resume";
  EXPECT_EQ(routes.handle(request).status, 200);
  const std::string all = get("/events").body;
  EXPECT_NE(all.find(R"("kind":"reload-failed","by":"ann","text":"cfg.json is bad, and is not reloaded: )"), std::string::npos);
  EXPECT_NE(all.find(R"("kind":"halt-by-hand","agent":"falcon-agent","version":"1.0.1","by":"root","text":)"),
            std::string::npos);
  EXPECT_NE(all.find(R"("kind":"resume-by-hand","agent":"falcon-agent","version":"1.0.1","by":"uid 4000000000","text":)"),
            std::string::npos);
  EXPECT_EQ(get_with("/events", "kind", "resume-by-hand").body.find("halt-by-hand"), std::string::npos);
  EXPECT_EQ(get_with("/events", "agent", "other").body.find("kind"), std::string::npos);
  for (const auto& [key, value] : {std::pair("since", "-1"),
                                   {"since", "9223372036854775808"},
                                   {"since", "x"},
                                   {"kind", "x"},
                                   {"limit", "0"},
                                   {"limit", "10001"}}) {
    EXPECT_EQ(get_with("/events", key, value).status, 400) << key << "=" << value;
  }
  HttpRequest as_log{"GET", "/events", {}, "", "127.0.0.1"};
  as_log.query = {{"format", "log"}, {"limit", "1"}};
  const std::string text = routes.handle(as_log).body;
  EXPECT_TRUE(text.ends_with("  resume-by-hand  falcon-agent 1.0.1 is resumed by hand (uid 4000000000)\n")) << text;
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 2) << text;
}

TEST_F(OperatorRoutes, OnlyTheOwnerHaltsAndResumes) {
  const auto order = [this](const std::string& target, const std::string& agent, bool from_owner) {
    HttpRequest request{"POST", target, {}, "", "127.0.0.1"};
    request.query = {{"agent", agent}, {"version", "1.0.1"}};
    request.from_owner = from_owner;
    return routes.handle(request);
  };
  expect_text(order("/rollout/halt", "falcon-agent", false), 403,
              "/rollout/halt is accepted only over ops-meta's own socket: run ./control halt or ./control resume on ops-meta's "
              "machine\n");
  EXPECT_EQ(order("/rollout/halt", "x", true).status, 400);
  report("h1", {{"falcon-agent", "1.0.0", "started", 7}});
  expect_text(order("/rollout/halt", "falcon-agent", true), 200,
              "falcon-agent 1.0.1 is halted by hand, until the agent's entry in cfg.json changes\n");
  const std::string beat = to_json(HeartbeatRequest{"h1", {{"falcon-agent", "1.0.0", "started", 1}}, {}, "", ""});
  EXPECT_NE(heartbeat(beat).body.find("\"1.0.0\""), std::string::npos) << "the reply has the host's own version";
  EXPECT_EQ(order("/rollout/resume", "falcon-agent", true).status, 200);
  EXPECT_NE(heartbeat(beat).body.find("\"1.0.1\""), std::string::npos);

  EXPECT_EQ(order("/rollout/halt", "falcon-agent", true).status, 200);
  ASSERT_TRUE(routes.reload());
  EXPECT_NE(heartbeat(beat).body.find("\"1.0.0\""), std::string::npos) << "a reload of the same config keeps the order";
  std::string changed = config_text("1.0.1");
  changed.replace(changed.find("lg-"), 3, "lh-");
  write_config(changed);
  ASSERT_TRUE(routes.reload());
  EXPECT_NE(heartbeat(beat).body.find("\"1.0.1\""), std::string::npos) << "another config ends the order";
}

TEST_F(OperatorRoutes, StatusOfOneHostHasAllItsAgents) {
  report("h1", {{"a", "1", "started", 7}}, {{"a", "2", "failed", 0, 0, 3, 7, "why"}, {"b", "1", "waiting", 0, 0, 0, 7, ""}});
  const HttpResponse response = get("/status/host/h1");
  EXPECT_EQ(response.content_type, kJson);
  EXPECT_TRUE(response.body.starts_with(R"({"hostname":"h1","heardAt":)")) << response.body;
  for (const std::string part : {R"("updaterVersion":"1.0.0","platform":"linux_amd64","agents":[{"name":"a","version":"1",)"
                                 R"("status":"started","timestamp":7,"update":{)",
                                 R"("error":"why"}})", R"({"name":"b","update":{)"}) {
    EXPECT_NE(response.body.find(part), std::string::npos) << part << " is not in " << response.body;
  }
  expect_text(get("/status/host/no"), 404, "unknown host \"no\": ops-meta has no heartbeat from it\n");
}

}  // namespace
}  // namespace ops::tests
