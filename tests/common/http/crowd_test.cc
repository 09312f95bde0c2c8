// Many clients, and odd ones: the server goes on for the others.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdlib>
#include <memory>
#include <thread>
#include <vector>

#include "tests/common/http/server_fixture.h"
#include "tests/support/measure.h"
#include "tests/support/wait.h"

namespace ops::tests {
namespace {

TEST_F(HttpServerTest, TakesHundredsOfConnectionsAtOnce) {
  std::vector<std::unique_ptr<RawConnection>> connections;
  for (int i = 0; i < 450; ++i) {  // twice so many descriptors, of which a process often has 1,024
    connections.push_back(std::make_unique<RawConnection>(port()));
    connections.back()->send(post(""));
  }
  for (const auto& connection : connections) EXPECT_EQ(parse_reply(connection->read_all()).body, "hello");
}

// This one takes the 10 s that a client has for its request.
TEST_F(HttpServerTest, HangsUpOnSilentClientsAndServesOthersMeanwhile) {
  const std::string silent[] = {"", "GET / HT", "GET / HTTP/1.1\r\nHost: ", post("Content-Length: 100\r\n", "half"),
                                post("Transfer-Encoding: chunked\r\n", "64\r\nhalf")};
  std::vector<std::unique_ptr<RawConnection>> clients;
  const double took = seconds_of([&] {
    for (int i = 0; i < 100; ++i) {
      clients.push_back(std::make_unique<RawConnection>(port()));
      clients.back()->send(silent[i % std::size(silent)]);
    }
    std::thread dribbler([this] {
      const RawConnection connection(port());
      EXPECT_TRUE(eventually([&] { return !connection.send("x"); })) << "a byte now and then holds a connection for ever";
    });
    for (int i = 0; i < 20; ++i) {
      EXPECT_LT(seconds_of([&] { EXPECT_EQ(http(port(), "POST", "/", "body").status, 200); }), kAtOnce);
    }
    for (const auto& client : clients) client->read_all();
    dribbler.join();
  });
  EXPECT_GT(took, 9);
  EXPECT_LT(took, 40);
  EXPECT_EQ(handled, 20);
}

/// Takes ten connections.
struct CrowdedServer : HttpServerTest {
  static HttpServerOptions few() {
    HttpServerOptions options;
    options.loops = 1;
    options.max_connections = 10;
    return options;
  }
  CrowdedServer() : HttpServerTest([](const HttpRequest&) { return HttpResponse::text(200, "hello"); }, few()) {}

  std::vector<std::unique_ptr<RawConnection>> silent_clients(int count) const {
    std::vector<std::unique_ptr<RawConnection>> clients;
    for (int i = 0; i < count; ++i) clients.push_back(std::make_unique<RawConnection>(port()));
    return clients;
  }
};

TEST_F(CrowdedServer, HangsUpOnWhoeverIsSilentForLongest) {
  const auto silent = silent_clients(10);
  // For the first second they count as clients that are about to speak, and the new one waits.
  EXPECT_EQ(get(port(), "/").status, 200);
  EXPECT_EQ(silent.front()->read_all(), "");
  const RawConnection& last = *silent.back();
  last.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_EQ(parse_reply(last.read_until("hello")).status, 200);
}

TEST_F(CrowdedServer, HangsUpOnKeptConnectionsFirst) {
  const RawConnection kept(port());
  kept.send(kKeptPost);
  kept.read_until("hello");
  const auto silent = silent_clients(9);
  EXPECT_EQ(get(port(), "/").status, 200);
  EXPECT_EQ(kept.read_all(), "");
  for (const auto& client : silent) {
    client->send("GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    EXPECT_EQ(parse_reply(client->read_all()).status, 200) << "the server closed a silent connection instead";
  }
}

TEST_F(CrowdedServer, KeepsConnectionsOnlyWhileThereIsRoom) {
  const auto silent = silent_clients(5);
  EXPECT_EQ(reply_to("GET / HTTP/1.1\r\nHost: h\r\n\r\n").header("Connection"), "close");
}

TEST_F(HttpServerTest, StopsAtOnceWhateverItsClientsDo) {
  const RawConnection silent(port());
  const RawConnection half(port());
  half.send(post("Content-Length: 100\r\n", "half"));
  EXPECT_EQ(get(port(), "/").status, 200);
  EXPECT_LT(seconds_of([&] { server.reset(); }), kAtOnce);
  EXPECT_EQ(silent.read_all(), "");
}

/// In a process that may have so many descriptors more: 0 when a server listens, and ends; 1 when it says why not, and ends.
[[noreturn]] void listen_with(rlim_t descriptors) {
  const int next = ::open("/", O_RDONLY | O_CLOEXEC);
  const rlimit limit{static_cast<rlim_t>(next) + descriptors, static_cast<rlim_t>(next) + descriptors};
  ::close(next);
  ::setrlimit(RLIMIT_NOFILE, &limit);
  auto server = HttpServer::listen({"127.0.0.1", 0}, {}, [](const HttpRequest&) { return HttpResponse(); });
  const bool listens = static_cast<bool>(server);
  const bool says_why = !listens && server.error().message.find("Too many open files") != std::string::npos;
  if (listens) server->reset();
  std::_Exit(listens ? 0 : says_why ? 1 : 2);
}

TEST(HttpServerDeathTest, EndsAlsoWhenThereAreNoDescriptors) {
  for (const rlim_t few : {0, 1, 2, 3, 4, 5, 6}) EXPECT_EXIT(listen_with(few), testing::ExitedWithCode(1), "") << few;
  EXPECT_EXIT(listen_with(20), testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace ops::tests
