#include "meta/reports/agent_status.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <ctime>
#include <nlohmann/json.hpp>

#include "meta/reports/local_times.h"
#include "tests/support/whole_body.h"

namespace ops::tests {
namespace {

using meta::HostTable;
using meta::StatusFilter;
using Query = std::vector<std::pair<std::string, std::string>>;
using Json = nlohmann::json;

struct AgentStatus : testing::Test {
  AgentStatus() {
    ::setenv("TZ", "UTC", 1);
    ::tzset();
  }

  void report(const std::string& hostname, std::vector<RealAgent> agents, std::vector<AgentUpdate> updates = {}) {
    const auto recorded = hosts.record({hostname, std::move(agents), std::move(updates), "1.0.0", "linux_amd64"},
                                       std::chrono::system_clock::now());
    EXPECT_TRUE(recorded);
  }

  std::string text(const Query& query) { return read(query, false); }
  std::string json(const Query& query) { return read(query, true); }

  /// The listing of agent "a", or the error.
  std::string read(const Query& query, bool as_json) {
    HttpRequest request;
    request.query = query;
    const auto filter = StatusFilter::from_query("a", request);
    if (!filter) return filter.error().message;
    HttpResponse response;
    response.stream = as_json ? status_json(hosts, *filter) : status_text(hosts, *filter);
    return whole_body(response);
  }

  HostTable hosts;
};

TEST_F(AgentStatus, ListsAHostThatDiesLateAsFailed) {
  const auto beat = [&](const char* version, const char* status, std::vector<AgentUpdate> updates = {}) {
    HeartbeatRequest heartbeat{"h1", {{"a", version, status, 0}}, std::move(updates), "1.1.0", "linux_amd64"};
    heartbeat.interval = 300;
    EXPECT_TRUE(hosts.record(heartbeat, std::chrono::system_clock::now()));
  };
  beat("1", "started");
  beat("2", "started", {{"a", "2", "probation"}});
  beat("2", "started");
  EXPECT_EQ(text({{"failed", "2"}}), "");
  beat("2", "stoped");
  beat("2", "stoped");
  const auto now = std::chrono::system_clock::now();
  hosts.survey({{"a", "2", now - std::chrono::hours(1), std::chrono::seconds(-1)}}, now, now);
  EXPECT_EQ(text({{"failed", "2"}}), "h1 2 stoped 0 1970-01-01 00:00:00\n");
  EXPECT_EQ(text({{"failed", "1"}}), "");
  beat("2", "started");
  EXPECT_EQ(text({{"failed", "2"}}), "") << "it has recovered";
}

TEST_F(AgentStatus, ListsOnlyHostsThatMatchTheFilter) {
  report("h1", {{"a", "1", "started", 0}});
  report("h2", {{"a", "2", "stoped", 0}}, {{"a", "3", "failed", 0, 0, 1, 7, "why"}});
  report("k1", {{"a", "2", "stopped", 0}});
  report("k2", {{"b", "2", "started", 0}}, {{"a", "2", "waiting"}, {"b", "1", "failed"}});
  const std::string h1 = "h1 1 started 0 1970-01-01 00:00:00\n", h2 = "h2 2 stoped 0 1970-01-01 00:00:00\n",
                    k1 = "k1 2 stopped 0 1970-01-01 00:00:00\n", k2 = "k2 not found\n";
  EXPECT_EQ(text({}), h1 + h2 + k1 + k2);
  EXPECT_EQ(text({{"version", "2"}}), h2 + k1);
  EXPECT_EQ(text({{"version", "7"}}), "");
  EXPECT_EQ(text({{"status", "started"}}), h1);
  EXPECT_EQ(text({{"status", "stopped"}}), h2 + k1) << "both spellings";
  EXPECT_EQ(text({{"status", "stoped"}}), h2 + k1);
  EXPECT_EQ(text({{"status", "a is started"}}), h1) << "it means the same";
  EXPECT_EQ(text({{"phase", "failed"}}), h2) << "of this agent";
  EXPECT_EQ(text({{"phase", "waiting"}}), k2);
  EXPECT_EQ(text({{"prefix", "h"}}), h1 + h2);
  EXPECT_EQ(text({{"prefix", "k1"}}), k1);
  EXPECT_EQ(text({{"prefix", "i"}}), "");
  EXPECT_EQ(text({{"limit", "3"}}), h1 + h2 + k1);
  EXPECT_EQ(text({{"from", "h2"}}), h2 + k1 + k2);
  EXPECT_EQ(text({{"from", "h3"}, {"limit", "1"}}), k1) << "no host of this name is needed";
  EXPECT_EQ(text({{"from", "a"}, {"prefix", "h"}}), h1 + h2) << "before the prefix";
  EXPECT_EQ(text({{"from", "h2"}, {"prefix", "h"}}), h2);
  EXPECT_EQ(text({{"from", "k2"}, {"prefix", "h"}}), "") << "after it";
  EXPECT_EQ(text({{"version", "2"}, {"limit", "1"}}), h2);
  EXPECT_EQ(text({{"version", "2"}, {"status", "stoped"}, {"prefix", "k"}}), k1);
  EXPECT_EQ(text({{"version", ""}, {"limit", ""}}), h1 + h2 + k1 + k2);
  EXPECT_EQ(Json::parse(json({{"version", "2"}})).size(), 2u);
  EXPECT_EQ(json({{"version", "7"}}), "{}");
}

TEST_F(AgentStatus, IgnoresUnknownKeysAndRefusesABadLimit) {
  EXPECT_EQ(text({{"_", "1"}, {"versions", "1"}}), text({})) << "unknown keys are ignored";
  for (const std::string bad : {"0", "-1", "x", "1x", "1.5", " 1", "99999999999999999999"}) {
    EXPECT_EQ(text({{"limit", bad}}), "limit is \"" + bad + "\", expected a number of hosts like 100");
  }
}

TEST_F(AgentStatus, StreamsManyHostsInPieces) {
  std::string expected;
  for (int i = 10'000; i < 30'000; ++i) {
    const std::string name = "host-" + std::to_string(i);
    report(name, {{"a", "1.0.0", "started", i}});
    expected += '"' + name + R"(":{"name":"a","version":"1.0.0","status":"started","timestamp":)" + std::to_string(i) + "},";
  }
  expected.back() = '}';
  EXPECT_EQ(json({}), "{" + expected);
  const BodyStream stream = status_text(hosts, {.agent = "a"});
  size_t pieces = 0;
  size_t largest = 0;
  size_t lines = 0;
  for (bool more = true; more; ++pieces) {
    std::string piece;
    more = stream(piece);
    largest = std::max(largest, piece.size());
    lines += static_cast<size_t>(std::count(piece.begin(), piece.end(), '\n'));
  }
  EXPECT_EQ(lines, 20'000u);
  EXPECT_GT(pieces, 10u);
  EXPECT_LT(largest, kPieceSize * 2);
}

TEST_F(AgentStatus, YieldsToOtherClientsWhileAFilterMatchesNoHost) {
  for (int i = 0; i < 20'000; ++i) report("host-" + std::to_string(i), {});
  report("host-7", {{"a", "1", "started", 0}});
  const BodyStream stream = status_text(hosts, {.agent = "a", .version = "1"});
  std::string all;
  size_t pieces = 0;
  for (bool more = true; more; ++pieces) {
    std::string piece;
    more = stream(piece);
    all += piece;
  }
  EXPECT_GE(pieces, 4u);
  EXPECT_EQ(all, "host-7 1 started 0 1970-01-01 00:00:00\n");
}

TEST_F(AgentStatus, ContinuesWhileHostsAreAddedAndRemoved) {
  for (int i = 10'000; i < 15'000; ++i) report("h" + std::to_string(i), {});
  const BodyStream stream = status_text(hosts, {.agent = "a"});
  std::string before;
  EXPECT_TRUE(stream(before));
  hosts.clear();
  report("h00000", {});  // before the place of the listing
  report("h99999", {});
  std::string after;
  EXPECT_FALSE(stream(after));
  EXPECT_EQ(after, "h99999 not found\n");
}

TEST_F(AgentStatus, WritesValidJsonForAnyReport) {
  report("\"q\"", {{"a", "1", "\x01 \x7f \xff \\ \" ä \xf0\x9f\x98\x80", -7}},
         {{"a", "2", "\"", INT64_MIN, INT64_MAX, 1, 7, "line\nbreak \xc3"}});
  const Json host = Json::parse(json({}))["\"q\""];
  EXPECT_EQ(host["status"], "\x01 \x7f \xEF\xBF\xBD \\ \" ä \xf0\x9f\x98\x80");
  EXPECT_EQ(host["timestamp"], -7);
  EXPECT_EQ(host["update"], Json::parse(to_json(AgentUpdate{"a", "2", "\"", INT64_MIN, INT64_MAX, 1, 7, "line\nbreak \xc3"})));
}

/// The same by the C library.
std::string plain_time(int64_t seconds) {
  const auto time = static_cast<time_t>(seconds);
  tm parts{};
  char text[64] = "-";
  if (::localtime_r(&time, &parts) != nullptr) std::strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &parts);
  return text;
}

TEST_F(AgentStatus, LocalTimesAreThoseOfTheCLibrary) {
  // Summer time; half an hour; and one whose minutes once began 30 seconds late (Monrovia, until 1972).
  for (const char* zone : {"CET-1CEST,M3.5.0,M10.5.0/3", "IST-5:30", "XXX0:44:30", "UTC"}) {
    ::setenv("TZ", zone, 1);
    ::tzset();
    meta::LocalTimes times;
    for (const int64_t start : {int64_t{-61}, int64_t{0}, int64_t{1445734790}, int64_t{1459040390}, int64_t{4102444790},
                                INT64_MAX - 300, INT64_MIN}) {
      for (int64_t at = start; at < start + 200; at += 7) {
        std::string text;
        times.append(text, at);
        EXPECT_EQ(text, plain_time(at)) << zone << " " << at;
      }
    }
  }
}

}  // namespace
}  // namespace ops::tests
