#include "meta/reports/host_status.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "tests/support/whole_body.h"

namespace ops::tests {
namespace {

using meta::HostTable;
using Json = nlohmann::json;
using Names = std::vector<std::string>;
using Query = std::vector<std::pair<std::string, std::string>>;

struct HostStatus : testing::Test {
  void report(const std::string& hostname, std::vector<RealAgent> agents = {}, std::vector<AgentUpdate> updates = {}) {
    const auto recorded = hosts.record({hostname, std::move(agents), std::move(updates), "1.0.0", "linux_amd64"},
                                       HostTable::TimePoint(std::chrono::seconds(1447000000)));
    EXPECT_TRUE(recorded);
  }

  /// The page, or the error.
  std::string text(const Query& query) const {
    HttpRequest request;
    request.query = query;
    const auto page = meta::page_from_query(request);
    if (!page) return page.error().message;
    HttpResponse response;
    response.stream = status_hosts(hosts, *page);
    return whole_body(response);
  }

  /// The hosts' names, and ">" with the name of the next page's first host.
  Names names(const Query& query) const {
    const Json page = Json::parse(text(query));
    Names names;
    for (const Json& host : page["hosts"]) names.push_back(host["hostname"]);
    if (page.contains("next")) names.push_back(">" + page["next"].get<std::string>());
    return names;
  }

  HostTable hosts;
};

TEST_F(HostStatus, ListsEverythingInTheLastHeartbeat) {
  EXPECT_EQ(text({}), R"({"hosts":[]})");
  report("h1", {{"a", "1", "started", 7}}, {{"a", "2", "failed", 0, 0, 3, 7, "why"}, {"b", "1", "waiting", 0, 0, 0, 7, ""}});
  const std::string h1 =
      R"({"hostname":"h1","heardAt":1447000000,"updaterVersion":"1.0.0","platform":"linux_amd64","agents":[)"
      R"({"name":"a","version":"1","status":"started","timestamp":7,)"
      R"("update":{"name":"a","version":"2","phase":"failed","done":0,"total":0,"attempts":3,"since":7,"error":"why"}},)"
      R"({"name":"b","update":{"name":"b","version":"1","phase":"waiting","done":0,"total":0,"attempts":0,"since":7,"error":""}}]})";
  EXPECT_EQ(text({}), R"({"hosts":[)" + h1 + "]}");
  EXPECT_EQ(meta::host_json("h1", *hosts.find("h1")), h1);
}

TEST_F(HostStatus, ListsHostsInPages) {
  for (const char* name : {"g", "h1", "h2", "h3", "i"}) report(name);
  EXPECT_EQ(names({}), (Names{"g", "h1", "h2", "h3", "i"}));
  EXPECT_EQ(names({{"limit", "2"}}), (Names{"g", "h1", ">h2"}));
  EXPECT_EQ(names({{"limit", "2"}, {"from", "h2"}}), (Names{"h2", "h3", ">i"}));
  EXPECT_EQ(names({{"limit", "2"}, {"from", "h3"}}), (Names{"h3", "i"}));
  EXPECT_EQ(names({{"from", "h21"}}), (Names{"h3", "i"})) << "no host of this name exists";
  EXPECT_EQ(names({{"prefix", "h"}}), (Names{"h1", "h2", "h3"}));
  EXPECT_EQ(names({{"prefix", "h"}, {"limit", "3"}}), (Names{"h1", "h2", "h3"})) << "the prefix has no further host";
  EXPECT_EQ(names({{"prefix", "h"}, {"limit", "2"}}), (Names{"h1", "h2", ">h3"}));
  EXPECT_EQ(names({{"prefix", "h"}, {"from", "a"}, {"limit", "1"}}), (Names{"h1", ">h2"}));
  EXPECT_EQ(names({{"prefix", "h"}, {"from", "i"}}), Names{});
  EXPECT_EQ(names({{"prefix", "z"}}), Names{});
}

TEST_F(HostStatus, LimitsAPageTo100HostsByDefaultAnd1000AtMost) {
  for (int i = 10'000; i < 12'000; ++i) report("h" + std::to_string(i));
  EXPECT_EQ(names({}).size(), 101u);
  EXPECT_EQ(names({{"limit", "1000"}}).size(), 1001u);
  EXPECT_EQ(names({{"limit", "1000"}}).back(), ">h11000");
  EXPECT_EQ(names({{"limit", "1000"}, {"from", "h11000"}}).size(), 1000u);
  EXPECT_EQ(text({{"limit", "1001"}}), "limit is 1001, expected at most 1000; the next page begins at \"next\"");
  EXPECT_EQ(text({{"limit", "0"}}), "limit is \"0\", expected a number of hosts like 100");
}

TEST_F(HostStatus, RefusesFiltersThatNeedAnAgent) {
  EXPECT_EQ(text({{"x", "1"}}), text({})) << "an unknown key is ignored";
  for (const char* key : {"version", "status", "phase", "failed"}) {
    EXPECT_EQ(text({{key, "1"}}),
              "version, status, phase and failed filter one agent: add agent=NAME, or use /status/json/NAME");
  }
}

TEST_F(HostStatus, FiltersByTheStateOfAnAgent) {
  report("h1", {{"a", "1", "started"}, {"b", "9", "started"}});
  report("h2", {{"a", "1", "stoped"}, {"b", "1", "started"}});
  report("h3", {{"a", "2", "started"}});
  report("h4", {}, {{"a", "2", "failed", 0, 0, 1, 0, "why"}});
  report("h5", {{"b", "1", "started"}});
  EXPECT_EQ(names({{"agent", "a"}}), (Names{"h1", "h2", "h3", "h4"}));
  EXPECT_EQ(names({{"agent", "a"}, {"version", "1"}}), (Names{"h1", "h2"}));
  EXPECT_EQ(names({{"agent", "a"}, {"version", "1"}, {"status", "stopped"}}), Names{"h2"});
  EXPECT_EQ(names({{"agent", "a"}, {"phase", "failed"}}), Names{"h4"});
  EXPECT_EQ(names({{"agent", "a"}, {"failed", "2"}}), Names{"h4"});
  EXPECT_EQ(names({{"agent", "a"}, {"version", "1"}, {"limit", "1"}}), (Names{"h1", ">h2"}));
  EXPECT_EQ(names({{"agent", "a"}, {"version", "1"}, {"limit", "2"}}), (Names{"h1", "h2"})) << "no further host matches";
  EXPECT_EQ(names({{"agent", "b"}, {"prefix", "h2"}}), Names{"h2"});
  EXPECT_EQ(names({{"agent", "none"}}), Names{});
}

TEST_F(HostStatus, SearchesManyHostsInSteps) {
  for (int i = 100'000; i < 150'000; ++i) report("h" + std::to_string(i), {{"a", i == 149'999 ? "2" : "1", "started"}});
  meta::StatusFilter filter;
  filter.agent = "a";
  filter.version = "2";
  const BodyStream stream = status_hosts(hosts, filter);
  std::string all;
  int pieces = 1;
  while (stream(all)) ++pieces;
  EXPECT_GE(pieces, 3) << "other clients of the thread wait for a piece";
  EXPECT_EQ(Json::parse(all)["hosts"][0]["hostname"], "h149999");
}

TEST_F(HostStatus, StreamsLargeHostsInPieces) {
  std::vector<RealAgent> agents;
  for (int i = 0; i < 256; ++i) agents.push_back({"agent-" + std::to_string(i), "1", std::string(512, 's'), i});
  for (int i = 100; i < 200; ++i) report("h" + std::to_string(i), agents);
  const BodyStream stream = status_hosts(hosts, {});
  std::string all;
  size_t largest = 0;
  for (bool more = true; more;) {
    std::string piece;
    more = stream(piece);
    largest = std::max(largest, piece.size());
    all += piece;
  }
  EXPECT_LT(largest, kPieceSize + 16 * meta::host_json("h100", *hosts.find("h100")).size() + 100);
  EXPECT_EQ(Json::parse(all)["hosts"].size(), 100u);
}

TEST_F(HostStatus, EscapesAnyHostname) {
  const std::string name = R"("><script>alert(1)</script>\)";
  report(name, {{"a", "1", "\x01 \xff \" <b>", -7}});
  const Json page = Json::parse(text({{"prefix", "\""}}));
  EXPECT_EQ(page["hosts"][0]["hostname"], name);
  EXPECT_EQ(page["hosts"][0]["agents"][0]["status"], "\x01 \xEF\xBF\xBD \" <b>");
  report(name + "1");
  EXPECT_EQ(names({{"limit", "1"}}), (Names{name, ">" + name + "1"}));
}

}  // namespace
}  // namespace ops::tests
