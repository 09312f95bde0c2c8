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

TEST(Names, MatchTheirForm) {
  for (const std::string good : {"a", "falcon-agent", "1.0.0", "3.1.2-rc.1+build_7", "A", "0"})
    EXPECT_TRUE(is_valid_name(good));
  EXPECT_TRUE(is_valid_name(std::string(128, 'x')));
  EXPECT_FALSE(is_valid_name(std::string(129, 'x')));
  for (const std::string bad :
       {"", ".", "..", "../x", "a/b", ".hidden", "-rf", "_a", "+a", "a b", "a\n", "a\\b", "ä", "a%2e"}) {
    EXPECT_FALSE(is_valid_name(bad)) << bad;
  }
  EXPECT_FALSE(is_valid_name(std::string("a\0b", 3)));
}

TEST(Names, OfVersionsMayContainATilde) {
  for (const std::string good : {"1.0~rc1", "1.0.0", "1~", "3.1.2-rc.1+build_7~~x"})
    EXPECT_TRUE(is_valid_version(good)) << good;
  for (const std::string bad : {"", "~", "~1.0", "../x", "1/2", "1 2", ".1", "1\n"}) EXPECT_FALSE(is_valid_version(bad)) << bad;
  EXPECT_FALSE(is_valid_version(std::string(129, '1')));
  EXPECT_FALSE(is_valid_name("a~b"));
  EXPECT_EQ(refusal_of("a", "1.0~rc1"), "");
}

TEST(Names, AreRefusedWithAReasonOnOneShortLine) {
  EXPECT_EQ(invalid_name_message("../x"), R"(agent name "../x" is not of the form [A-Za-z0-9][A-Za-z0-9._+-]{0,127})");
  EXPECT_EQ(invalid_version_message("../x"), R"(version "../x" is not of the form [A-Za-z0-9][A-Za-z0-9._+~-]{0,127})");
  const std::string message = invalid_name_message("a\nb" + std::string(10'000, 'x'));
  EXPECT_LT(message.size(), 200u);
  EXPECT_EQ(message.find('\n'), std::string::npos);
}

TEST(Hostnames, ContainNoWhiteSpaceOrControlCharacters) {
  for (const std::string good : {"h", "lg-web01.example.com", "10.0.0.1", "größe"}) EXPECT_TRUE(is_valid_hostname(good));
  EXPECT_TRUE(is_valid_hostname(std::string(253, 'x')));
  EXPECT_FALSE(is_valid_hostname(std::string(254, 'x')));
  for (const std::string bad : {"", " ", "a b", "a\tb", "a\nb", "a\x1b[31m", "a\x7f",
                                "a\xC2\x9B"
                                "31m"}) {
    EXPECT_FALSE(is_valid_hostname(bad)) << bad;
  }
  for (const std::string bad : {"a\u202Eb", "a\u200Bb", "a\u2028b", "a\u00A0b", "a\u3000b", "a\u2003b", "\uFEFFa"}) {
    EXPECT_FALSE(is_valid_hostname(bad)) << bad;
  }
  EXPECT_FALSE(is_valid_hostname(std::string("a\0b", 3)));
}

TEST(HeartbeatResponse, HasTheBytesOfTheOriginal) {
  EXPECT_EQ(to_json(HeartbeatResponse{"", {{"falcon-agent", "1.0.1", "http://127.0.0.1:2100/falcon", "", "start"}}, {}}),
            R"({"errorMessage":"","desiredAgents":[{"name":"falcon-agent","version":"1.0.1",)"
            R"("tarball":"http://127.0.0.1:2100/falcon","md5":"","cmd":"start"}]})");
  EXPECT_EQ(to_json(HeartbeatResponse{}), R"({"errorMessage":"","desiredAgents":[]})");
}

TEST(HeartbeatResponse, MayHaveASoakForAnAgent) {
  const HeartbeatResponse response{
      "", {{"a", "1", "http://m/a", "", "start", false, 600}, {"b", "1", "http://m/b", "", "start"}}, {}};
  const auto parsed = parse_heartbeat_response(to_json(response));
  ASSERT_TRUE(parsed) << parsed.error().message;
  EXPECT_EQ(*parsed, response);
  for (const std::string odd : {"-1", "1.5", "\"600\"", "null", "[]"}) {
    const auto other = parse_heartbeat_response(R"({"desiredAgents":[{"name":"a","version":"1","soak":)" + odd + "}]}");
    ASSERT_TRUE(other) << odd;
    EXPECT_EQ(other->desired_agents.at(0).soak, -1) << odd;
  }
}

TEST(HeartbeatResponse, MayHaveTimeoutsForAnAgent) {
  HeartbeatResponse response{"", {{"a", "1", "http://m/a", "", "start"}}, {}};
  response.desired_agents[0].start_timeout = 90;
  response.desired_agents[0].stop_timeout = 45;
  EXPECT_NE(to_json(response).find(R"("startTimeout":90,"stopTimeout":45})"), std::string::npos) << to_json(response);
  const auto parsed = parse_heartbeat_response(to_json(response));
  ASSERT_TRUE(parsed) << parsed.error().message;
  EXPECT_EQ(*parsed, response);
  for (const auto& [odd, expected] : {std::pair("-1", 0), {"\"60\"", 0}, {"null", 0}, {"1.5", 0}, {"3601", 3600}}) {
    const std::string agent =
        R"({"name":"a","version":"1","startTimeout":)" + std::string(odd) + R"(,"stopTimeout":)" + odd + "}";
    const auto other = parse_heartbeat_response(R"({"desiredAgents":[)" + agent + "]}");
    ASSERT_TRUE(other) << odd;
    EXPECT_EQ(other->desired_agents.at(0).start_timeout, expected) << odd;
    EXPECT_EQ(other->desired_agents.at(0).stop_timeout, expected) << odd;
  }
}

TEST(HeartbeatResponse, MayHaveMirrorsForAnAgent) {
  HeartbeatResponse response{"", {{"a", "1", "http://m/a", "", "start"}}, {}};
  response.desired_agents[0].mirrors = {"http://n/a", "http://o/?{file}"};
  EXPECT_NE(to_json(response).find(R"("mirrors":["http://n/a","http://o/?{file}"]})"), std::string::npos) << to_json(response);
  const auto parsed = parse_heartbeat_response(to_json(response));
  ASSERT_TRUE(parsed) << parsed.error().message;
  EXPECT_EQ(*parsed, response);
  for (const std::string odd : {"null", "7", "\"http://n\"", "{}", "[7, null, []]"}) {
    const auto other = parse_heartbeat_response(R"({"desiredAgents":[{"name":"a","version":"1","mirrors":)" + odd + "}]}");
    ASSERT_TRUE(other) << odd;
    EXPECT_EQ(other->desired_agents.at(0).mirrors, std::vector<std::string>()) << odd;
  }
}

TEST(HeartbeatResponse, OfAGoMetaWithoutAgentsIsUnderstood) {
  const auto response = parse_heartbeat_response(R"({"errorMessage":"","desiredAgents":null})");
  ASSERT_TRUE(response);
  EXPECT_EQ(*response, HeartbeatResponse{});
}

TEST(HeartbeatResponse, DropsInvalidEntriesWithTheReason) {
  const auto response = parse_heartbeat_response(R"({"desiredAgents":[
      {"name":"a","version":"1","tarball":"http://m/a","md5":"","cmd":"start","preserve":true}, {"name":"../x","version":"1"},
      {"name":"b","version":"1/2"}, {"name":"a","version":"2"}, {"name":7}, 7]})");
  ASSERT_TRUE(response);
  EXPECT_EQ(response->desired_agents, (std::vector<DesiredAgent>{{"a", "1", "http://m/a", "", "start", true}}));
  EXPECT_EQ(response->refused, (Lines{R"(agent name "../x" is not of the form [A-Za-z0-9][A-Za-z0-9._+-]{0,127})",
                                      R"(b: version "1/2" is not of the form [A-Za-z0-9][A-Za-z0-9._+~-]{0,127})",
                                      "a is in desiredAgents twice; the first entry is used",
                                      "an entry of desiredAgents has a field of the wrong type",
                                      "an entry of desiredAgents has a field of the wrong type"}));
}

TEST(HeartbeatResponse, HasAnInterval) {
  const auto interval = [](const std::string& value) {
    const auto response = parse_heartbeat_response(R"({"interval":)" + value + "}");
    return response && response->refused.empty() ? response->interval : -1;
  };
  EXPECT_EQ(interval("600"), 600);
  EXPECT_EQ(interval("0"), 0);
  EXPECT_EQ(interval("null"), 0);
  EXPECT_EQ(interval("1"), 1);
  EXPECT_EQ(interval("0.001"), 1);
  EXPECT_EQ(interval("59.9"), 59);
  for (const char* huge : {"3600", "3601", "1000000000", "1e9", "1e300", "18446744073709551615"}) {
    EXPECT_EQ(interval(huge), 3600) << huge;
  }
  EXPECT_EQ(to_json(HeartbeatResponse{"", {}, {}, 600}), R"({"errorMessage":"","desiredAgents":[],"interval":600})");
}

TEST(HeartbeatResponse, IgnoresAnInvalidInterval) {
  const std::string agents = R"("desiredAgents":[{"name":"a","version":"1"}])";
  for (const std::string bad : {"-1", "-1e300", "\"60\"", "\"\"", "true", "[]", "{}", "[60]"}) {
    const auto response = parse_heartbeat_response("{" + agents + ",\"interval\":" + bad + "}");
    ASSERT_TRUE(response) << bad;
    EXPECT_EQ(response->interval, 0) << bad;
    EXPECT_EQ(response->desired_agents.size(), 1u);
    ASSERT_EQ(response->refused.size(), 1u) << bad;
    EXPECT_TRUE(response->refused[0].ends_with("is not a number of seconds")) << response->refused[0];
  }
}

TEST(HeartbeatResponse, DropsAgentsBeyondTheLimit) {
  HeartbeatResponse many;
  for (size_t i = 0; i < kMaxAgentsPerHost + 2; ++i) many.desired_agents.push_back({"a" + std::to_string(i), "1", "", "", ""});
  const auto response = parse_heartbeat_response(to_json(many));
  ASSERT_TRUE(response);
  EXPECT_EQ(response->desired_agents.size(), kMaxAgentsPerHost);
  EXPECT_EQ(response->refused, Lines{"desiredAgents has more than 256 entries; the rest is ignored"});
}

TEST(HeartbeatResponse, IsQuotedInTheErrorWhenInvalid) {
  for (const std::string& bad : {std::string("<html>502 Bad Gateway</html>"), std::string(""), std::string("[]"),
                                 std::string(R"({"desiredAgents":[{"name":)"), std::string(R"({"desiredAgents":{}})"),
                                 R"({"desiredAgents":)" + repeated("[", 500'000) + repeated("]", 500'000) + "}"}) {
    const auto response = parse_heartbeat_response(bad);
    ASSERT_FALSE(response) << bad;
    const std::string& message = response.error().message;
    EXPECT_TRUE(message.starts_with("the reply is not a heartbeat reply: \"" + bad.substr(0, 20))) << message;
    EXPECT_LT(message.size(), 200u);
  }
}

}  // namespace
}  // namespace ops::tests
