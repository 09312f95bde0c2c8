// Many clients, some of them silent or slow: the server keeps serving the others.

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

TEST_F(HttpServerTest, ServesHundredsOfConnectionsAtOnce) {
  std::vector<std::unique_ptr<RawConnection>> connections;
  for (int i = 0; i < 450; ++i) {  // takes 900 descriptors, and the limit is often 1,024
    connections.push_back(std::make_unique<RawConnection>(port()));
    connections.back()->send(post(""));
  }
  for (const auto& connection : connections) EXPECT_EQ(parse_reply(connection->read_all()).body, "hello");
}

// Takes 10 s, the timeout of a request.
TEST_F(HttpServerTest, ClosesSilentConnectionsAndServesOtherClientsMeanwhile) {
  const std::string silent[] = {"", "GET / HT", "GET / HTTP/1.1\r\nHost: ", post("Content-Length: 100\r\n", "half"),
                                post("Transfer-Encoding: chunked\r\n", "64\r\nhalf")};
  std::vector<std::unique_ptr<RawConnection>> clients;
  const double took = seconds_of([&] {
    for (int i = 0; i < 100; ++i) {
      clients.push_back(std::make_unique<RawConnection>(port()));
      clients.back()->send(silent[i % std::size(silent)]);
    }
    std::thread slow_sender([this] {
      const RawConnection connection(port());
      EXPECT_TRUE(eventually([&] { return !connection.send("x"); }))
          << "a client that sends a byte now and then keeps its connection for ever";
    });
    for (int i = 0; i < 20; ++i) {
      EXPECT_LT(seconds_of([&] { EXPECT_EQ(http(port(), "POST", "/", "body").status, 200); }), kAtOnce);
    }
    for (const auto& client : clients) client->read_all();
    slow_sender.join();
  });
  EXPECT_GT(took, 9);
  EXPECT_LT(took, 40);
  EXPECT_EQ(handled, 20);
}

/// Accepts ten connections.
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

TEST_F(CrowdedServer, ClosesTheConnectionThatIsSilentForLongest) {
  const auto silent = silent_clients(10);
  // For one second the server takes them for clients that are about to send. The new client waits.
  EXPECT_EQ(get(port(), "/").status, 200);
  EXPECT_EQ(silent.front()->read_all(), "");
  const RawConnection& last = *silent.back();
  last.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_EQ(parse_reply(last.read_until("hello")).status, 200);
}

TEST_F(CrowdedServer, ClosesIdleConnectionsFirst) {
  const RawConnection idle(port());
  idle.send(kKeptPost);
  idle.read_until("hello");
  const auto silent = silent_clients(9);
  EXPECT_EQ(get(port(), "/").status, 200);
  EXPECT_EQ(idle.read_all(), "");
  for (const auto& client : silent) {
    client->send("GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    EXPECT_EQ(parse_reply(client->read_all()).status, 200) << "the server closed a silent connection instead";
  }
}

TEST_F(CrowdedServer, KeepsConnectionsOnlyWhileThereIsRoom) {
  const auto silent = silent_clients(5);
  EXPECT_EQ(reply_to("GET / HTTP/1.1\r\nHost: h\r\n\r\n").header("Connection"), "close");
}

TEST_F(HttpServerTest, StopsAtOnceWithOpenConnections) {
  const RawConnection silent(port());
  const RawConnection half(port());
  half.send(post("Content-Length: 100\r\n", "half"));
  EXPECT_EQ(get(port(), "/").status, 200);
  EXPECT_LT(seconds_of([&] { server.reset(); }), kAtOnce);
  EXPECT_EQ(silent.read_all(), "");
}

/// Starts a server in a process that can open `descriptors` more files. Exits with 0 if the server listens, 1 if it says why
/// not.
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

TEST(HttpServerDeathTest, SaysWhyItCannotListenWithoutDescriptors) {
  for (const rlim_t few : {0, 1, 2, 3, 4, 5, 6}) EXPECT_EXIT(listen_with(few), testing::ExitedWithCode(1), "") << few;
  EXPECT_EXIT(listen_with(20), testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace ops::tests
