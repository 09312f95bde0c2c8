#include "common/http/server.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <memory>
#include <stdexcept>

#include "tests/common/http/server_fixture.h"
#include "tests/support/measure.h"
#include "tests/support/temp_dir.h"
#include "tests/support/wait.h"

namespace ops::tests {
namespace {

constexpr size_t kMaxBody = 1 << 20;

TEST(ListenAddress, HasAnOptionalHostAndAPort) {
  EXPECT_EQ(*parse_listen_address("127.0.0.1:2000"), (ListenAddress{"127.0.0.1", 2000}));
  EXPECT_EQ(*parse_listen_address(":2000"), (ListenAddress{"0.0.0.0", 2000}));
  EXPECT_EQ(*parse_listen_address("localhost:0"), (ListenAddress{"localhost", 0}));
  EXPECT_EQ(*parse_listen_address("[::1]:65535"), (ListenAddress{"::1", 65535}));
}

TEST(ListenAddress, RefusesAnythingElse) {
  for (const std::string bad : {"", "2000", "localhost", "127.0.0.1:", ":x", ":65536", ":-1", ":99999999999", ":2000 ",
                                "::1:2000", "http://h:2000", "h/x:2000", "a b:2000", "[::1:2000"}) {
    const auto address = parse_listen_address(bad);
    ASSERT_FALSE(address) << bad;
    EXPECT_EQ(address.error().message, "\"" + bad + "\" is not a listen address like 0.0.0.0:2000, :2000 or [::1]:2000");
  }
}

TEST_F(HttpServerTest, PassesTheRequestToTheHandler) {
  const HttpReply reply = http(port(), "POST", "/a%20b%2fc%00%zz?q=1", "body", {{"X-Header", "value"}});
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.body, "hello");
  EXPECT_EQ(reply.header("Content-Type"), "text/plain; charset=UTF-8");
  EXPECT_EQ(reply.header("Content-Length"), "5");
  const auto date = parse_http_date(reply.header("Date"));
  ASSERT_TRUE(date) << reply.header("Date");
  EXPECT_NEAR(static_cast<double>(*date), static_cast<double>(std::time(nullptr)), 10);
  EXPECT_EQ(last().method, "POST");
  EXPECT_EQ(last().path, std::string("/a b/c\0%zz", 10));
  EXPECT_EQ(last().body, "body");
  EXPECT_EQ(last().peer, "127.0.0.1");
  EXPECT_EQ(last().header("x-header"), "value");
  EXPECT_EQ(last().header("X-Other"), "");
}

TEST_F(HttpServerTest, ParsesTheQuery) {
  const std::vector<std::pair<std::string, std::string>> expected = {
      {"version", "1.0+2 3"}, {"empty", ""}, {"bare", ""}, {"k&", "a=b"}, {"version", "second"}};
  EXPECT_EQ(get(port(), "/?version=1.0%2B2+3&empty=&bare&&k%26=a=b&version=second").status, 200);
  EXPECT_EQ(last().query, expected);
  EXPECT_EQ(last().parameter("version"), "1.0+2 3");
  EXPECT_EQ(last().parameter("none"), "");
  EXPECT_EQ(get(port(), "/?").status, 200);
  EXPECT_TRUE(last().query.empty());
}

TEST_F(HttpServerTest, KeepsAConnectionOpenForTheNextRequest) {
  const RawConnection connection(port());
  for (int i = 1; i <= 3; ++i) {
    connection.send(kKeptPost);
    const HttpReply reply = parse_reply(connection.read_until("hello"));
    EXPECT_EQ(reply.status, 200);
    EXPECT_EQ(reply.header("Connection"), "");
    EXPECT_EQ(handled, i);
  }
  connection.send("GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  EXPECT_EQ(parse_reply(connection.read_all()).header("Connection"), "close");
}

TEST_F(HttpServerTest, ClosesTheConnectionOfAClientThatPipelines) {
  const HttpReply reply = reply_to("GET / HTTP/1.1\r\nHost: h\r\n\r\nGET /2 HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_EQ(reply.header("Connection"), "close");
  EXPECT_EQ(reply.body, "hello");
  EXPECT_EQ(handled, 1);
}

TEST_F(HttpServerTest, ClosesTheConnectionAfterAnHttp10Request) { EXPECT_EQ(reply_to("GET / HTTP/1.0\r\n\r\n").body, "hello"); }

struct KeptConnection : testing::Test {
  static HttpServerOptions keep_for(int seconds) {
    HttpServerOptions options;
    options.keep_alive = std::chrono::seconds(seconds);
    return options;
  }
  struct Server : HttpServerTest {
    explicit Server(int seconds)
        : HttpServerTest([](const HttpRequest&) { return HttpResponse::text(200, "hello"); }, keep_for(seconds)) {}
    void TestBody() override {}
  };
};

TEST_F(KeptConnection, IsClosedAfterKeepAlive) {
  const Server server(2);
  const RawConnection connection(server.port());
  connection.send(kKeptPost);
  EXPECT_EQ(parse_reply(connection.read_until("hello")).status, 200);
  const double waited = seconds_of([&] { EXPECT_EQ(connection.read_all(), ""); });
  EXPECT_GT(waited, 1.9);
  EXPECT_LT(waited, 2 + kAtOnce);
}

// Takes 11 s: longer than the timeout of a request.
TEST_F(KeptConnection, HasTheTimeOfARequestFromItsFirstByte) {
  const Server server(600);
  const RawConnection connection(server.port());
  connection.send(kKeptPost);
  EXPECT_EQ(parse_reply(connection.read_until("hello")).status, 200);
  EXPECT_EQ(connection.read_all(11'000), "");
  connection.send(kKeptPost.substr(0, 20));
  EXPECT_EQ(connection.read_all(600), "") << "longer than the loop's pause between two checks of the timeouts";
  EXPECT_TRUE(connection.send(kKeptPost.substr(20)));
  EXPECT_EQ(parse_reply(connection.read_until("hello", 5'000)).status, 200);
}

TEST_F(HttpServerTest, SendsNoBodyToAHead) {
  const HttpReply reply = http(port(), "HEAD", "/");
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.header("Content-Length"), "5");
  EXPECT_EQ(reply.body, "");
}

TEST_F(HttpServerTest, RefusesOtherMethods) {
  for (const std::string method : {"PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "BREW"}) {
    const HttpReply reply = http(port(), method, "/");
    EXPECT_EQ(reply.status, 405) << method;
    EXPECT_EQ(reply.header("Allow"), "GET, HEAD, POST");
  }
  EXPECT_EQ(handled, 0);
}

TEST_F(HttpServerTest, AcceptsABodyWithALengthOrInChunks) {
  const std::string large(20'000, 'x');
  const std::string length = "Content-Length: 20000\r\n";
  for (const std::string& bytes :
       {post(length, large), post(length + "Content-Type: application/x-www-form-urlencoded\r\n", large),
        post(length + "Content-Type: multipart/form-data; boundary=x\r\n", large),
        post("Transfer-Encoding: chunked\r\n", "4E20\r\n" + large + "\r\n0\r\n\r\n"),
        post("Transfer-Encoding: chunked\r\n",
             "10\r\n" + large.substr(0, 16) + "\r\n4e10;x=y\r\n" + large.substr(16) + "\r\n0\r\n\r\n")}) {
    EXPECT_EQ(reply_to(bytes).status, 200) << bytes.substr(0, 100);
    EXPECT_EQ(last().body, large) << bytes.substr(0, 100);
  }
  EXPECT_EQ(reply_to(post("")).status, 200) << "no body at all";
  EXPECT_EQ(last().body, "");
}

TEST_F(HttpServerTest, SendsContinueToAClientThatExpectsIt) {
  const RawConnection connection(port());
  connection.send(post("Expect: 100-continue\r\nContent-Length: 4\r\n"));
  const double waited = seconds_of([&] { EXPECT_EQ(connection.read_until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n"); });
  EXPECT_LT(waited, kAtOnce);
  connection.send("body");
  EXPECT_EQ(parse_reply(connection.read_all()).status, 200);
  EXPECT_EQ(last().body, "body");
}

TEST_F(HttpServerTest, RefusesALargeBodyBeforeItIsSent) {
  for (const std::string& head :
       {post("Content-Length: 104857600\r\n"), post("Content-Length: 104857600\r\nExpect: 100-continue\r\n"),
        post("Content-Length: 99999999999999999999999\r\n"), post("Transfer-Encoding: chunked\r\n", "6400000\r\n"),
        post("Transfer-Encoding: chunked\r\n", "FFFFFFFFFFFFFFFE\r\n")}) {
    HttpReply reply;
    EXPECT_LT(seconds_of([&] { reply = reply_to(head); }), kAtOnce) << head;
    EXPECT_EQ(reply.status, 413) << head;
  }
  EXPECT_EQ(handled, 0);
}

TEST_F(HttpServerTest, AcceptsABodyOfTheLimitAndNoByteMore) {
  const auto chunked = [](size_t size) {
    std::string body;
    for (; size >= 1024; size -= 1024) body += "400\r\n" + std::string(1024, 'x') + "\r\n";
    if (size > 0) body += "1\r\nx\r\n";
    return post("Transfer-Encoding: chunked\r\n", body + "0\r\n\r\n");
  };
  EXPECT_EQ(http(port(), "POST", "/", std::string(kMaxBody, 'x')).status, 200);
  EXPECT_EQ(reply_to(chunked(kMaxBody)).status, 200);
  EXPECT_EQ(handled, 2);
  EXPECT_EQ(http(port(), "POST", "/", std::string(kMaxBody + 1, 'x')).status, 413);
  EXPECT_EQ(reply_to(chunked(kMaxBody + 1)).status, 413);
  EXPECT_EQ(handled, 2);
}

TEST_F(HttpServerTest, RefusesMalformedRequests) {
  for (const std::string& bytes :
       {std::string("\r\n\r\n"), std::string("hello\r\n\r\n"), std::string("GET /\r\n\r\n"),
        std::string("GET / HTTP/9.9\r\n\r\n"), std::string("GET / HTTP/1.1\r\nHost: h\r\nno colon\r\n\r\n"),
        "GET / HTTP/1.1\r\nX: " + std::string(100'000, 'x') + "\r\n\r\n", post("Content-Length: -1\r\n"),
        post("Content-Length: x\r\n"), post("Transfer-Encoding: chunked\r\n", "x\r\n")}) {
    HttpReply reply;
    EXPECT_LT(seconds_of([&] { reply = reply_to(bytes); }), kAtOnce) << bytes.substr(0, 100);
    EXPECT_GE(reply.status, 400) << bytes.substr(0, 100);
    EXPECT_LE(reply.status, 431) << bytes.substr(0, 100);
    EXPECT_TRUE(parse_http_date(reply.header("Date"))) << bytes.substr(0, 100);
  }
  EXPECT_EQ(reply_to("GET /" + std::string(10'000, 'x') + " HTTP/1.1\r\nHost: h\r\n\r\n").status, 414);
  for (const std::string hosts : {"", "Host: a\r\nHost: b\r\n"}) {
    const HttpReply reply = reply_to("GET / HTTP/1.1\r\n" + hosts + "\r\n");
    EXPECT_EQ(reply.status, 400) << hosts;
    EXPECT_EQ(reply.body, "the request has no valid Host header\n") << hosts;
  }
  EXPECT_EQ(handled, 0);
}

TEST_F(HttpServerTest, ClosesTheConnectionOfAnEndlessLine) {
  const RawConnection connection(port());
  const std::string part(10'000, 'x');
  EXPECT_LT(seconds_of([&] { EXPECT_TRUE(eventually([&] { return !connection.send(part); })); }), kAtOnce);
}

TEST_F(HttpServerTest, RefusesABodyThatEndsEarly) {
  for (const std::string& bytes :
       {post("Content-Length: 100\r\n", "half"), post("Transfer-Encoding: chunked\r\n", "64\r\nhalf")}) {
    const RawConnection connection(port());
    connection.send(bytes);
    connection.end_sending();
    EXPECT_EQ(parse_reply(connection.read_all()).status, 400) << bytes;
  }
  EXPECT_EQ(handled, 0);
}

struct ThrowingServer : HttpServerTest {
  ThrowingServer() : HttpServerTest([](const HttpRequest&) -> HttpResponse { throw std::runtime_error("no luck"); }) {}
};

TEST_F(ThrowingServer, GetsA500AndServesTheNextRequest) {
  testing::internal::CaptureStderr();
  EXPECT_EQ(get(port(), "/").status, 500);
  EXPECT_EQ(http(port(), "POST", "/", "x").status, 500);
  EXPECT_NE(testing::internal::GetCapturedStderr().find("request GET / failed: no luck"), std::string::npos);
}

/// Its handler fails in the middle of a response.
struct FailingStreamServer : HttpServerTest {
  FailingStreamServer()
      : HttpServerTest([](const HttpRequest&) {
          HttpResponse response;
          response.stream = [pieces = 0](std::string& to) mutable {
            if (++pieces == 3) throw std::runtime_error("no more luck");
            to = "piece";
            return true;
          };
          return response;
        }) {}
};

TEST_F(FailingStreamServer, CutsTheResponseOffWithoutALastChunk) {
  testing::internal::CaptureStderr();
  const RawConnection connection(port());
  connection.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_TRUE(connection.read_all().ends_with("5\r\npiece\r\n")) << "there is no last chunk";
  EXPECT_NE(testing::internal::GetCapturedStderr().find("is cut off: no more luck"), std::string::npos);
}

/// Serves bytes 10 … 10 + length of a file, whose length is in the path.
struct FileServer : HttpServerTest {
  FileServer()
      : HttpServerTest([this](const HttpRequest& request) {
          HttpResponse response;
          auto file = std::make_shared<const Fd>(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
          response.file_body = {std::move(file), 10, std::stoull(request.path.substr(1))};
          return response;
        }) {
    std::string content;
    for (size_t i = 0; content.size() < 30'000'000; ++i) content += std::to_string(i) + " ";
    write_file(path, content);
  }

  TempDir folder;
  std::string path = folder / "file";
};

TEST_F(FileServer, SendsAPartOfAFile) {
  const std::string content = read_file(path);
  for (const size_t length : {0u, 1u, 65'536u, 65'537u, 10'000'000u}) {
    const HttpReply reply = get(port(), "/" + std::to_string(length));
    EXPECT_EQ(reply.header("Content-Length"), std::to_string(length));
    EXPECT_TRUE(reply.body == content.substr(10, length)) << length;
  }
}

TEST_F(FileServer, CutsTheResponseOffWhenTheFileWasTruncated) {
  write_file(path, std::string(100'000, 'x'));
  const HttpReply reply = get(port(), "/200000");
  EXPECT_EQ(reply.header("Content-Length"), "200000");
  EXPECT_LT(reply.body.size(), 100'000u);
}

TEST_F(FileServer, DoesNotWaitForSlowOrVanishedReaders) {
  std::vector<std::unique_ptr<RawConnection>> slow;
  for (int i = 0; i < 60; ++i) {
    slow.push_back(std::make_unique<RawConnection>(port()));
    slow.back()->send("GET /29000000 HTTP/1.1\r\nHost: h\r\n\r\n");
    slow.back()->read_until("\r\n\r\n");
    if (i % 2 == 1) slow.pop_back();
  }
  EXPECT_LT(seconds_of([&] { EXPECT_EQ(get(port(), "/5").body.size(), 5u); }), kAtOnce);
  EXPECT_LT(seconds_of([&] { server.reset(); }), kAtOnce) << "stopping waits for a download";
}

/// Sends the numbers below a million, a thousand lines per piece.
struct StreamServer : HttpServerTest {
  StreamServer()
      : HttpServerTest([](const HttpRequest&) {
          HttpResponse response;
          response.stream = [next = 0](std::string& to) mutable {
            for (const int end = next + 1000; next < end; ++next) to += std::to_string(next) + "\n";
            return next < 1'000'000;
          };
          return response;
        }) {}
};

TEST_F(StreamServer, SendsAStreamedBody) {
  std::string whole;
  for (int i = 0; i < 1'000'000; ++i) whole += std::to_string(i) + "\n";
  const HttpReply reply = get(port(), "/");
  EXPECT_EQ(reply.header("Transfer-Encoding"), "chunked");
  EXPECT_TRUE(reply.body == whole) << reply.body.size() << " bytes instead of " << whole.size();
  EXPECT_EQ(http(port(), "HEAD", "/").body, "");
  const HttpReply old = parse_reply(reply_bytes("GET / HTTP/1.0\r\n\r\n"));
  EXPECT_EQ(old.header("Transfer-Encoding"), "") << "HTTP/1.0 has no chunks";
  EXPECT_TRUE(old.body == whole);
}

TEST_F(StreamServer, KeepsTheConnectionForTheNextRequest) {
  const RawConnection connection(port());
  for (int i = 0; i < 2; ++i) {
    connection.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    EXPECT_EQ(parse_reply(connection.read_until("\r\n0\r\n\r\n")).body.size(), 6'888'890u);
  }
}

TEST(HttpServer, SaysWhyItCannotListen) {
  const auto handler = [](const HttpRequest&) { return HttpResponse(); };
  const auto first = HttpServer::listen({"127.0.0.1", 0}, {}, handler);
  ASSERT_TRUE(first);
  const int port = (*first)->port();
  const auto second = HttpServer::listen({"127.0.0.1", port}, {}, handler);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().message, "cannot listen on 127.0.0.1:" + std::to_string(port) + ": Address already in use");
  // 192.0.2.0/24 is reserved for documentation: no host has such an address.
  EXPECT_EQ(HttpServer::listen({"192.0.2.1", 80}, {}, handler).error().message,
            "cannot listen on 192.0.2.1:80: Cannot assign requested address");
}

}  // namespace
}  // namespace ops::tests
