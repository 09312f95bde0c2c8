// Heartbeats: post_json, and how MetaClient chooses a server.

#include <gtest/gtest.h>

#include "tests/support/fake_server.h"
#include "updater/meta_client.h"
#include "updater/release/download.h"

namespace ops::updater {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using tests::FakePeer;
using tests::FakeRequest;
using tests::FakeServer;
using tests::http_chunk;
using tests::http_head;
using tests::http_reply;

#define EXPECT_HAS(text, part) EXPECT_NE((text).find(part), std::string::npos) << (text)

FakeServer::Handler always_sends(const std::string& bytes) {
  return [bytes](const FakeRequest&, const FakePeer& peer) { peer.send(bytes); };
}

std::string reply_naming(const std::string& agent, const std::string& more = "") {
  return R"({"errorMessage":"","desiredAgents":[{"name":")" + agent +
         R"(","version":"1","tarball":"http://t","md5":"","cmd":"start"}])" + more + "}";
}

std::string reply_of_generation(int generation) {
  return http_reply(200, reply_naming("a", cat(",\"generation\":", generation)));
}

struct PostJson : testing::Test {
  Result<HttpReply> post(const FakeServer::Handler& handler, size_t max_size = 100'000) {
    server.set_handler(handler);
    return post_json(server.url("/heartbeat"), "{}", max_size, timeout, {});
  }
  std::string failure(const FakeServer::Handler& handler) {
    const auto reply = post(handler);
    return reply ? "no error" : reply.error().message;
  }
  seconds timeout{30};
  FakeServer server{always_sends("")};
};

TEST_F(PostJson, SendsJsonInOneWriteAndReturnsAnyReply) {
  const auto reply = post(always_sends(http_reply(500, "{\"a\":1}", {{"Retry-After", "17"}})));
  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_EQ(reply->status, 500);
  EXPECT_EQ(reply->body, "{\"a\":1}");
  EXPECT_EQ(reply->retry_after, seconds(17));
  const FakeRequest sent = server.requests().back();
  EXPECT_EQ(sent.method + " " + sent.target + " " + sent.body, "POST /heartbeat {}");
  EXPECT_EQ(sent.header("Content-Type"), "application/json");
  EXPECT_EQ(sent.header("Expect"), "");
}

TEST_F(PostJson, ReadsTheChunkedReplyOfAGoMeta) {
  std::string body = reply_naming("a") + std::string(5000, ' ');
  const auto reply = post(always_sends(http_head(200, {{"Transfer-Encoding", "chunked"}}) + http_chunk(body.substr(0, 2048)) +
                                       http_chunk(body.substr(2048)) + http_chunk("")));
  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_EQ(reply->body, body);
}

TEST_F(PostJson, IgnoresARetryAfterThatIsNotANumber) {
  for (const char* text : {"Wed, 21 Oct 2026 07:28:00 GMT", "-5", "1e3", "99999999999999999999", ""}) {
    const auto reply = post(always_sends(http_reply(503, "", {{"Retry-After", text}})));
    ASSERT_TRUE(reply);
    EXPECT_EQ(reply->retry_after, std::nullopt) << text;
  }
}

TEST_F(PostJson, ReportsAnIncompleteReplyWithTheServersUrl) {
  const std::string url = server.url("/heartbeat") + ": ";
  const std::string whole = http_reply(200, reply_naming("a"));
  for (size_t size = 0; size < whole.size(); size += 7) EXPECT_HAS(failure(always_sends(whole.substr(0, size))), url);
  EXPECT_HAS(failure(always_sends(http_reply(200, std::string(100'001, 'x')))), "the reply is longer than 100000 bytes");
  EXPECT_HAS(failure([](const FakeRequest&, const FakePeer& peer) {
               peer.send(http_head(200, {{"Transfer-Encoding", "chunked"}}));
               while (peer.send(http_chunk(std::string(1000, 'x')))) {
               }
             }),
             "longer than");
  timeout = seconds(1);
  EXPECT_HAS(failure([](const FakeRequest&, const FakePeer& peer) { peer.stall(); }), "timed out");
  EXPECT_HAS(failure([whole](const FakeRequest&, const FakePeer& peer) { peer.drip(whole, milliseconds(50)); }), "timed out");
}

struct MetaClientTest : testing::Test {
  Result<HeartbeatResponse> send(const std::vector<std::string>& servers) {
    HeartbeatRequest heartbeat;
    heartbeat.hostname = "h1";
    return client.send(servers, heartbeat, {}, {}, {now, seconds(100)});
  }
  std::string failure(const std::string& reply) {
    good.set_handler(always_sends(reply));
    const auto response = send({good.url("")});
    return response ? "no error" : response.error().message;
  }

  FakeServer good{always_sends(http_reply(200, reply_naming("a")))};
  FakeServer bad{always_sends(http_reply(503, "down for lunch", {{"Retry-After", "40"}}))};
  const std::string unused_port = "http://127.0.0.1:1";
  MetaClient client;
  Clock::time_point now{seconds(1000)};
};

TEST_F(MetaClientTest, GoesOnToTheNextServerAndKeepsIt) {
  const std::vector<std::string> servers = {unused_port, bad.url(""), good.url("")};
  for (int i = 0; i < 3; ++i) {
    const auto response = send(servers);
    ASSERT_TRUE(response) << response.error().message;
    EXPECT_EQ(response->desired_agents.at(0).name, "a");
  }
  EXPECT_EQ(bad.requests().size(), 1U);
  EXPECT_EQ(good.requests().size(), 3U);
}

TEST_F(MetaClientTest, StaysWithAServerThatRefusesTheHeartbeat) {
  for (const int status : {400, 401, 403, 404}) {
    bad.set_handler(always_sends(http_reply(status, "no")));
    const auto response = send({bad.url(""), good.url("")});
    ASSERT_FALSE(response) << status;
    EXPECT_EQ(response.error().message.find(good.url("")), std::string::npos) << response.error().message;
  }
  bad.set_handler(always_sends(http_reply(200, R"({"errorMessage":"no such host","desiredAgents":[]})")));
  EXPECT_FALSE(send({bad.url(""), good.url("")}));
  EXPECT_EQ(good.requests().size(), 0U);
}

TEST_F(MetaClientTest, ReturnsToTheFirstServerAfterAStay) {
  const std::vector<std::string> servers = {bad.url(""), good.url("")};
  ASSERT_TRUE(send(servers));
  now += seconds(99);
  ASSERT_TRUE(send(servers));
  EXPECT_EQ(bad.requests().size(), 1U);
  now += seconds(1);
  ASSERT_TRUE(send(servers)) << "the first server still fails";
  EXPECT_EQ(bad.requests().size(), 2U);
  EXPECT_EQ(client.answered_by(), good.url(""));
  bad.set_handler(always_sends(http_reply(401, "no")));
  now += seconds(100);
  ASSERT_TRUE(send(servers)) << "the first server refuses the heartbeat, the other one does not";
  EXPECT_EQ(bad.requests().size(), 3U);
  ASSERT_TRUE(send(servers));
  EXPECT_EQ(bad.requests().size(), 3U) << "a failed return begins another stay";
  bad.set_handler(always_sends(http_reply(200, reply_naming("b"))));
  now += seconds(100);
  ASSERT_TRUE(send(servers));
  EXPECT_EQ(client.answered_by(), bad.url(""));
  ASSERT_TRUE(send(servers));
  EXPECT_EQ(client.answered_by(), bad.url(""));
}

TEST_F(MetaClientTest, PassesServersThatStandBy) {
  bad.set_handler(always_sends(http_reply(503, "stands by, " + good.url("") + " leads\n")));
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(send({bad.url(""), good.url("")}));
    EXPECT_EQ(client.answered_by(), good.url(""));
    EXPECT_EQ(client.stale(), "");
    now += seconds(100);
  }
  EXPECT_EQ(bad.requests().size(), 3U);
}

TEST_F(MetaClientTest, DoesNotObeyAReplyOfAnOlderGeneration) {
  EXPECT_EQ(client.generation(), 0);
  ASSERT_TRUE(send({good.url("")})) << "without a generation, as from a Go meta";
  bad.set_handler(always_sends(reply_of_generation(4)));
  ASSERT_TRUE(send({bad.url("")}));
  EXPECT_EQ(client.generation(), 4);
  const std::vector<std::pair<std::string, std::string>> older = {{reply_of_generation(3), "3"},
                                                                  {http_reply(200, reply_naming("a")), "0"}};
  for (const auto& [reply, number] : older) {
    good.set_handler(always_sends(reply));
    const auto response = send({good.url("")});
    ASSERT_FALSE(response);
    EXPECT_HAS(response.error().message,
               good.url("/heartbeat") + ": the reply has generation " + number + ", an earlier reply had 4");
    EXPECT_HAS(good.requests().back().body, R"("generation":4)") << "the stale ops-meta gets to know";
    ASSERT_TRUE(send({good.url(""), bad.url("")})) << "the next server leads";
    EXPECT_EQ(client.answered_by(), bad.url(""));
    EXPECT_HAS(client.stale(), "generation " + number);
    ASSERT_TRUE(send({good.url(""), bad.url("")}));
    EXPECT_EQ(client.stale(), "") << "the stale one is not asked";
    now += seconds(100);
  }
  bad.set_handler(always_sends(reply_of_generation(5)));
  ASSERT_TRUE(send({bad.url("")}));
  EXPECT_EQ(client.generation(), 5);
}

TEST_F(MetaClientTest, KnowsTheGenerationOfAnEarlierRun) {
  MetaClient restarted(4);
  good.set_handler(always_sends(reply_of_generation(3)));
  EXPECT_FALSE(restarted.send({good.url("")}, {}, {}, {}, {}));
  EXPECT_HAS(good.requests().back().body, R"("generation":4)");
}

TEST_F(MetaClientTest, NamesEachServerAndItsFailureInTheError) {
  const auto response = send({unused_port, bad.url("")});
  ASSERT_FALSE(response);
  const std::string error = response.error().message;
  EXPECT_HAS(error, unused_port + "/heartbeat: ");
  EXPECT_HAS(error, bad.url("/heartbeat") + ": HTTP status 503: down for lunch");
  EXPECT_EQ(client.retry_after(), seconds(40));
  ASSERT_TRUE(send({good.url("")}));
  EXPECT_EQ(client.retry_after(), std::nullopt);
}

TEST_F(MetaClientTest, AcceptsOnlyACompleteHeartbeatReplyWithStatus200) {
  EXPECT_HAS(failure(http_reply(500, reply_naming("a"))), "HTTP status 500") << "unlike the Go updater";
  EXPECT_HAS(failure(http_reply(404, reply_naming("a"))), "HTTP status 404");
  EXPECT_HAS(failure(http_reply(302, "", {{"Location", good.url("/elsewhere")}})), "HTTP status 302");
  EXPECT_HAS(failure(http_reply(200, "<html>login</html>")), "the reply is not a heartbeat reply: \"<html>login</html>\"");
  EXPECT_HAS(failure(http_reply(200, "")), "is not a heartbeat reply");
  EXPECT_HAS(failure(http_reply(200, "[]")), "is not a heartbeat reply");
  EXPECT_HAS(failure(http_reply(200, reply_naming("a").substr(0, 40))), "is not a heartbeat reply");
  EXPECT_HAS(failure(http_reply(200, R"({"errorMessage":"no such host","desiredAgents":[]})")), "no such host");
}

TEST_F(MetaClientTest, ReportsAnErrorInOneLine) {
  EXPECT_EQ(failure(http_reply(500, "a\nb\x1b[31m\r\n")).find_first_of("\n\r\x1b"), std::string::npos);
  EXPECT_LT(failure(http_reply(500, std::string(10'000, 'x'))).size(), 500U);
}

}  // namespace
}  // namespace ops::updater
