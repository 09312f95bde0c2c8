#include "common/protocol/heartbeat.h"

#include <gtest/gtest.h>

namespace ops::tests {
namespace {

using Lines = std::vector<std::string>;

std::string repeated(const std::string& text, size_t times) {
  std::string all;
  for (size_t i = 0; i < times; ++i) all += text;
  return all;
}

/// The error for the request; "accepted" without an error.
std::string refusal(const std::string& body) {
  const auto request = parse_heartbeat_request(body);
  return request ? "accepted" : request.error().message;
}

/// A request with one agent that has these fields.
std::string with_agent(const std::string& fields) { return R"({"hostname":"h","realAgents":[{)" + fields + "}]}"; }

/// A request with `count` agents.
std::string with_agents(size_t count) {
  std::string agents;
  for (size_t i = 0; i < count; ++i) {
    agents += std::string(i == 0 ? "" : ",") + R"({"name":"a)" + std::to_string(i) + R"(","version":"1"})";
  }
  return R"({"hostname":"h","realAgents":[)" + agents + "]}";
}

TEST(HeartbeatRequest, OfTheGoUpdaterIsUnderstood) {
  const auto request = parse_heartbeat_request(
      R"({"hostname":"h1","realAgents":[{"name":"falcon-agent","version":"3.1.2","status":"started","timestamp":1447000000}]})");
  ASSERT_TRUE(request) << request.error().message;
  EXPECT_EQ(*request, (HeartbeatRequest{"h1", {{"falcon-agent", "3.1.2", "started", 1447000000}}, {}, "", ""}));
}

TEST(HeartbeatRequest, SurvivesARoundTripThroughJson) {
  const HeartbeatRequest request{
      "h1",
      {{"a", "1", "started", 1447000000}, {"b", "2", "exec `./control status` fail: exit status 3", 0}},
      {{"a", "2", "downloading", 1 << 20, int64_t{1} << 40, 3, 1447000000, "\"quoted\" größe"}},
      "1.0.0",
      "linux_amd64"};
  const auto parsed = parse_heartbeat_request(to_json(request));
  ASSERT_TRUE(parsed) << parsed.error().message;
  EXPECT_EQ(*parsed, request);
}

TEST(HeartbeatRequest, CarriesTheKeysByWhichAReleaseIsJudged) {
  HeartbeatRequest request{"h1", {{"a", "1", "started", 7, 2, 95}, {"b", "2", "started", 7, 0, 0}}, {}, "1.1.0", "linux_amd64"};
  request.interval = 300;
  request.uptime = 0;
  const auto parsed = parse_heartbeat_request(to_json(request));
  ASSERT_TRUE(parsed) << parsed.error().message;
  EXPECT_EQ(*parsed, request);
}

// An updater of another make may send such a key with another meaning. Its heartbeat must not be lost.
TEST(HeartbeatRequest, IgnoresAJudgingKeyWithAnotherTypeOrRange) {
  for (const std::string value : {"-7", "1.5", "\"300\"", "true", "null", "[1]", "{}", "-9223372036854775808", "1e999"}) {
    const auto request = parse_heartbeat_request(R"({"hostname":"h","interval":)" + value + R"(,"uptime":)" + value +
                                                 R"(,"realAgents":[{"name":"a","version":"1","restarts":)" + value +
                                                 R"(,"started":)" + value + "}]}");
    if (value == "1e999") {
      EXPECT_FALSE(request) << "no parser of JSON reads it";
      continue;
    }
    ASSERT_TRUE(request) << value << ": " << request.error().message;
    EXPECT_EQ(*request, (HeartbeatRequest{"h", {{"a", "1", "", 0}}, {}, "", ""})) << value;
  }
  EXPECT_EQ(parse_heartbeat_request(R"({"hostname":"h","interval":86400})")->interval, 86400);
  EXPECT_EQ(parse_heartbeat_request(R"({"hostname":"h","interval":86401})")->interval, 0);
}

TEST(HeartbeatRequest, HasTheMd5OfAnAgentInLowerCase) {
  const std::string md5 = "9d5ed678fe57bcca610140957afab571";
  const auto md5_of = [](const std::string& value) {
    const auto request = parse_heartbeat_request(with_agent(R"("name":"a","version":"1","md5":)" + value));
    EXPECT_TRUE(request) << value;
    return request ? request->real_agents.at(0).md5 : "refused";
  };
  EXPECT_EQ(md5_of("\"" + md5 + "\""), md5);
  EXPECT_EQ(md5_of("\"9D5ED678FE57BCCA610140957AFAB571\""), md5);
  for (const std::string value : {"7", "null", "true", "{}", "\"\"", "\"9d5e\"", "\"9d5ed678fe57bcca610140957afab57#\""}) {
    EXPECT_EQ(md5_of(value), "") << value;
  }
  EXPECT_EQ(md5_of("[\"" + md5 + "\"]"), "");
  HeartbeatRequest request{"h1", {{"a", "1", "started", 1}}, {}, "1.1.0", "linux_amd64"};
  request.real_agents[0].md5 = md5;
  EXPECT_EQ(*parse_heartbeat_request(to_json(request)), request);
}

TEST(HeartbeatRequest, HasRealAgentsEvenWhenEmpty) {
  EXPECT_EQ(to_json(HeartbeatRequest{"h1", {}, {}, "1.0.0", "linux_amd64"}),
            R"({"hostname":"h1","realAgents":[],"updaterVersion":"1.0.0","platform":"linux_amd64"})");
}

TEST(HeartbeatRequest, ReadsNullAndMissingListsAsEmpty) {
  for (const std::string list : {"", R"(,"realAgents":null)", R"(,"realAgents":[])", R"(,"realAgents":[null])",
                                 R"(,"realAgents":[null,null],"updates":[null])"}) {
    const auto request = parse_heartbeat_request(R"({"hostname":"h1")" + list + "}");
    ASSERT_TRUE(request) << list;
    EXPECT_EQ(*request, (HeartbeatRequest{"h1", {}, {}, "", ""})) << list;
  }
}

TEST(HeartbeatRequest, IgnoresUnknownKeys) {
  EXPECT_EQ(refusal(R"({"hostname":"h","token":{"a":[1,2]},"realAgents":[{"name":"a","version":"1","x":[{}]}]})"), "accepted");
}

TEST(HeartbeatRequest, UsesTheLastDuplicateKey) {
  const auto request = parse_heartbeat_request(
      R"({"hostname":"g","realAgents":[{"name":"x","version":"1"}],"hostname":"h","realAgents":[{"name":"a","version":"1","version":"2"}]})");
  ASSERT_TRUE(request);
  EXPECT_EQ(*request, (HeartbeatRequest{"h", {{"a", "2", "", 0}}, {}, "", ""}));
}

TEST(HeartbeatRequest, IsRefusedWithTheMessagesOfTheOriginal) {
  for (const std::string blank : {"", " ", "\r\n\t"}) EXPECT_EQ(refusal(blank), "body is blank");
  for (const std::string blank :
       {R"({})", R"({"hostname":""})", R"({"hostname":null,"realAgents":[]})", R"({"hostname":" "})"}) {
    EXPECT_EQ(refusal(blank), "hostname is blank") << blank;
  }
  for (const std::string bad : {"x",
                                "[]",
                                "null",
                                "7",
                                "\"h\"",
                                "{",
                                R"({"hostname":"h")",
                                R"({"hostname":"h"}x)",
                                R"({"hostname":7})",
                                R"({"hostname":["h"]})",
                                R"({"hostname":"h","realAgents":{}})",
                                R"({"hostname":"h","realAgents":"a"})",
                                R"({"hostname":"h","realAgents":[7]})",
                                R"({"hostname":"h","realAgents":[[]]})",
                                R"({"hostname":"h","updates":7})",
                                R"({"hostname":"h","realAgents":true})",
                                R"({"hostname":1.5})",
                                R"({"hostname":{}})",
                                R"({"hostname":"h","updates":["x"]})",
                                R"({"hostname":"h","realAgents":[true]})",
                                R"({"hostname":"h","realAgents":1e999})",
                                "{\"hostname\":\"h\xff\"}",
                                "{\"hostname\":\"a\nb\"}"}) {
    EXPECT_EQ(refusal(bad), "body format error") << bad;
  }
  for (const std::string bad : {R"("name":7)", R"("name":"a","version":1.0)", R"("name":"a","version":"1","status":[])",
                                R"("name":"a","version":"1","timestamp":"now")", R"("name":"a","version":"1","timestamp":1.5)",
                                R"("name":"a","version":"1","timestamp":9223372036854775808)",
                                R"("name":"a","version":"1","timestamp":18446744073709551615)",
                                R"("name":"a","version":"1","timestamp":-9223372036854775809)"}) {
    EXPECT_EQ(refusal(with_agent(bad)), "body format error") << bad;
  }
}

TEST(HeartbeatRequest, IsRefusedWhenTruncatedAtAnyByte) {
  const std::string whole =
      to_json(HeartbeatRequest{"h1", {{"a", "1", "started", 7}}, {{"b", "2", "failed", 0, 0, 0, 0, ""}}, "1", "x"});
  ASSERT_EQ(refusal(whole), "accepted");
  for (size_t size = 1; size < whole.size(); ++size) EXPECT_EQ(refusal(whole.substr(0, size)), "body format error");
}

TEST(HeartbeatRequest, IsRefusedForABadHostname) {
  EXPECT_EQ(refusal(R"({"hostname":"a\nb"})"),
            R"(hostname "a b" is longer than 253 bytes, or has white space, control characters or invisible characters)");
  const std::string line = refusal(R"({"hostname":")" + std::string(10'000, 'h') + "\"}");
  EXPECT_TRUE(line.starts_with("hostname \"hhh")) << line;
  EXPECT_LT(line.size(), 200u);
}

TEST(HeartbeatRequest, DropsAgentsWithAnInvalidNameOrVersion) {
  for (const std::string bad :
       {R"("name":"my agent","version":"1")", R"("name":"@","version":"1")", R"("name":"~","version":"1")",
        R"("name":"代理","version":"1")", R"("name":"_a","version":"1")", R"("name":"../x","version":"1")",
        R"("name":"a","version":"1/2")", R"("version":"1")", R"("name":"a")", ""}) {
    const auto request = parse_heartbeat_request(R"({"hostname":"h","realAgents":[{"name":"good","version":"1"},{)" + bad +
                                                 R"(},{"name":"good-too","version":"2"}],)" + R"("updates":[{)" + bad +
                                                 R"(},{"name":"good","version":"3"}]})");
    ASSERT_TRUE(request) << bad << ": " << request.error().message;
    EXPECT_EQ(request->real_agents, (std::vector<RealAgent>{{"good", "1", "", 0}, {"good-too", "2", "", 0}})) << bad;
    ASSERT_EQ(request->updates.size(), 1u) << bad;
    EXPECT_EQ(request->refused.size(), 2u) << bad;
  }
  const auto request = parse_heartbeat_request(with_agent(R"("name":"my agent","version":"1")"));
  EXPECT_EQ(request->refused, Lines{R"(agent name "my agent" is not of the form [A-Za-z0-9][A-Za-z0-9._+-]{0,127})"});
}

TEST(HeartbeatRequest, HostnameIsFoundInATruncatedOrInvalidRequest) {
  const std::string whole = to_json(HeartbeatRequest{"h1", {{"a", "1", "started", 7}}, {}, "1", "x"});
  EXPECT_EQ(hostname_in(whole), "h1");
  EXPECT_EQ(hostname_in(whole.substr(0, 20)), "h1");
  EXPECT_EQ(hostname_in(R"({"hostname":"h1","realAgents":7})"), "h1");
  EXPECT_EQ(hostname_in(with_agents(kMaxAgentsPerHost + 1)), "h");
  for (const std::string invalid :
       {"", "x", "{}", R"({"hostname":"a b"})", R"({"hostname":7})", R"({"hostname":"h)", "[\"h\"]"}) {
    EXPECT_EQ(hostname_in(invalid), "") << invalid;
  }
}

TEST(HeartbeatRequest, IsRefusedForTooManyAgents) {
  EXPECT_EQ(refusal(with_agents(kMaxAgentsPerHost)), "accepted");
  EXPECT_EQ(refusal(with_agents(kMaxAgentsPerHost + 1)), "the heartbeat has 257 agents; the limit is 256");
  EXPECT_EQ(refusal(with_agents(10'000)), "the body has more than 8192 values, or more than 16 levels");
}

constexpr char kTooMuch[] = "the body has more than 8192 values, or more than 16 levels";

// A body of 1 MB has room for 500,000 levels. A copy of such a value once overflowed the stack.
TEST(HeartbeatRequest, IsRefusedWhenNestedTooDeep) {
  for (const size_t depth : {100u, 100'000u, 500'000u}) {
    const std::string nested = repeated("[", depth) + repeated("]", depth);
    EXPECT_EQ(refusal(R"({"hostname":"h","realAgents":)" + nested + "}"), "body format error");
    EXPECT_EQ(refusal(R"({"hostname":"h","unknown":)" + nested + "}"), kTooMuch);
    EXPECT_EQ(refusal(repeated(R"({"":)", depth)), kTooMuch);
  }
  EXPECT_EQ(refusal(R"({"hostname":"h","x":)" + repeated("[", 15) + repeated("]", 15) + "}"), "accepted");
}

TEST(HeartbeatRequest, IsRefusedWhenItHasTooManyValues) {
  EXPECT_EQ(refusal(R"({"hostname":"h","unknown":[)" + repeated("0,", 200'000) + "0]}"), kTooMuch);
  EXPECT_EQ(refusal(R"({"hostname":"h","realAgents":[)" + repeated("{},", 200'000) + "{}]}"), kTooMuch);
  EXPECT_EQ(refusal(R"({"hostname":"h","unknown":[)" + repeated("0,", 8'000) + "0]}"), "accepted");
  EXPECT_EQ(refusal(R"({"hostname":"h","unknown":")" + repeated(R"([\",{)", 100'000) + "\"}"), "accepted") << "in a string";
}

TEST(HeartbeatRequest, CutsALongStatus) {
  const auto request = parse_heartbeat_request(
      with_agent(R"("name":"a","version":"1","status":"  line 1\nline 2)" + std::string(10'000, 'x') + "\""));
  ASSERT_TRUE(request);
  const std::string& status = request->real_agents[0].status;
  EXPECT_TRUE(status.starts_with("line 1 line 2xxx")) << status;
  EXPECT_EQ(status.size(), kMaxStatusSize + std::string("…").size());
}

TEST(HeartbeatRequest, DoesNotChangeWhenSentAgain) {
  const auto request = parse_heartbeat_request(with_agent(R"("name":"a","version":"1","status":"\u0001 started \u0001")"));
  ASSERT_TRUE(request);
  EXPECT_EQ(request->real_agents[0].status, "started");
  EXPECT_EQ(*parse_heartbeat_request(to_json(*request)), *request);
}

TEST(HeartbeatRequest, ReplacesInvalidUtf8) {
  const auto parsed = parse_heartbeat_request(to_json(HeartbeatRequest{"h1", {{"a", "1", "bad \xff byte", 0}}, {}, "", ""}));
  ASSERT_TRUE(parsed) << parsed.error().message;
  EXPECT_EQ(parsed->real_agents[0].status, "bad \xEF\xBF\xBD byte");
}

}  // namespace
}  // namespace ops::tests
