// The owner socket: a client that connects to it is the daemon's owner.

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/daemon/admin_routes.h"
#include "tests/common/http/server_fixture.h"
#include "tests/support/temp_dir.h"

namespace ops::tests {
namespace {

HttpServerOptions options_with(const std::string& path) {
  HttpServerOptions options;
  options.owner_socket = path;
  options.max_connections = 16;
  return options;
}

/// A plain request, over the socket at `path`.
HttpReply ask(const std::string& path, const std::string& target = "/") {
  const RawConnection connection(path);
  connection.send("GET " + target + " HTTP/1.1\r\nHost: meta\r\nConnection: close\r\n\r\n");
  return parse_reply(connection.read_all());
}

struct Folder {
  TempDir folder;
  std::string path = folder / "app.sock";
};

struct HttpOwner : Folder, HttpServerTest {
  HttpOwner()
      : HttpServerTest(
            [](const HttpRequest& request) {
              const auto reload = [] { return Result<std::string>("{}"); };
              return answer_admin_request(request, reload).value_or(HttpResponse::text(200, "hello"));
            },
            options_with(path)) {}
};

TEST_F(HttpOwner, IsDistinguishedFromOtherClients) {
  EXPECT_EQ(ask(path).body, "hello");
  EXPECT_TRUE(last().from_owner);
  EXPECT_EQ(last().peer, "local");
  EXPECT_EQ(last().owner_uid, ::geteuid());
  EXPECT_EQ(get(port(), "/").body, "hello");
  EXPECT_FALSE(last().from_owner);
  EXPECT_EQ(last().peer, "127.0.0.1");
}

TEST_F(HttpOwner, MayReload) { EXPECT_EQ(ask(path, "/config/reload").body, "{\"msg\":\"success\",\"data\":{}}"); }

TEST_F(HttpOwner, IsTheOnlyUserWithAccessToTheSocket) {
  struct stat info = {};
  ASSERT_EQ(::stat(path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode, static_cast<mode_t>(S_IFSOCK | 0600));
}

TEST_F(HttpOwner, ConnectsAtTheConnectionLimitAndDisplacesNoConnection) {
  std::vector<std::unique_ptr<RawConnection>> crowd;
  for (int i = 0; i < 16; ++i) {
    crowd.push_back(std::make_unique<RawConnection>(port()));
    crowd.back()->send("POST /heartbeat HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: 9\r\n\r\n");
  }
  EXPECT_EQ(ask(path).body, "hello");
  for (const auto& connection : crowd) {
    connection->send("heartbeat");
    EXPECT_EQ(parse_reply(connection->read_all()).body, "hello");
  }
}

TEST_F(HttpOwner, FindsNoSocketAfterTheServerStopped) {
  server.reset();
  EXPECT_FALSE(exists(path));
}

TEST(HttpOwnerSocket, ReplacesOneThatWasLeftBehind) {
  const Folder at;
  const auto handler = [](const HttpRequest&) { return HttpResponse::text(200, "hello"); };
  const auto first = HttpServer::listen({"127.0.0.1", 0}, options_with(at.path), handler);
  const auto second = HttpServer::listen({"127.0.0.1", 0}, options_with(at.path), handler);
  ASSERT_TRUE(first && second);
  EXPECT_EQ(ask(at.path).body, "hello");
}

TEST(HttpOwnerSocket, DoesNotStopTheServerWhenItCannotBeCreated) {
  const Folder at;
  write_file(at.path + "/a", "a folder in its place");
  for (const std::string& path : {at.path, at.folder / "no/such/folder", at.folder / std::string(200, 'x')}) {
    const auto server = HttpServer::listen({"127.0.0.1", 0}, options_with(path),
                                           [](const HttpRequest&) { return HttpResponse::text(200, "hello"); });
    ASSERT_TRUE(server) << path;
    EXPECT_EQ(get((*server)->port(), "/").body, "hello");
  }
  EXPECT_TRUE(exists(at.path + "/a"));
}

}  // namespace
}  // namespace ops::tests
