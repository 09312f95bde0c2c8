// The HTTP server with TLS. The clients run OpenSSL in memory: a test controls every byte that it sends.

#include "common/tls/tls.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include "tests/common/http/server_fixture.h"
#include "tests/support/certificates.h"
#include "tests/support/measure.h"
#include "tests/support/tls_client.h"

namespace ops::tests {
namespace {

/// Created once: key generation is slow.
const Authority& authority() {
  static const Authority kAuthority;
  return kAuthority;
}
const Issued& issued() {
  static const Issued kIssued = authority().issue("meta");
  return kIssued;
}

struct LoadedTls {
  LoadedTls() {
    const auto loaded = tls.load({issued().cert, issued().key, ""});
    EXPECT_TRUE(loaded) << loaded.error().message;
  }
  HttpServerOptions options() const {
    HttpServerOptions options;
    options.tls = &tls;
    return options;
  }
  TlsServer tls;
};

const std::string kBody(3'000'000, 'b');

HttpResponse answer(const HttpRequest& request) {
  HttpResponse response = HttpResponse::text(200, request.body + "hello");
  if (request.path == "/large") response.body = kBody;
  if (request.path == "/file" || request.path == "/empty") {
    const auto file = std::make_shared<const Fd>(::open(issued().cert.c_str(), O_RDONLY | O_CLOEXEC));
    response.file_body = {file, 5, request.path == "/file" ? read_file(issued().cert).size() - 5 : 0};
  }
  if (request.path == "/stream") {
    response.stream = [left = 5](std::string& to) mutable {
      to = std::string(100'000, 's');
      return --left > 0;
    };
  }
  return response;
}

struct HttpsServer : LoadedTls, HttpServerTest {
  HttpsServer() : HttpServerTest(answer, options()) {}

  /// The whole reply. The request is sent in pieces of `piece` bytes.
  std::string reply_bytes(const std::string& request, size_t piece = SIZE_MAX) {
    const RawConnection connection(port());
    TlsClient client(clients);
    std::string text;
    std::string out;
    client.send(request, out);
    for (;;) {
      for (size_t at = 0; at < out.size(); at += std::min(piece, out.size())) connection.send(out.substr(at, piece));
      out.clear();
      const std::string bytes = connection.read_some();
      if (bytes.empty()) break;
      EXPECT_TRUE(client.receive(bytes, text, out));
    }
    resumed = client.was_resumed();
    return text;
  }
  HttpReply get(const std::string& path, size_t piece = SIZE_MAX) {
    return parse_reply(reply_bytes("GET " + path + " HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", piece));
  }

  TlsClients clients{true};
  bool resumed = false;
};

TEST_F(HttpsServer, AnswersAsWithoutTls) {
  EXPECT_EQ(get("/").body, "hello");
  EXPECT_EQ(last().peer, "127.0.0.1");
  EXPECT_TRUE(last().certificate_names.empty());
  EXPECT_TRUE(get("/large").body == kBody);
  EXPECT_EQ(get("/file").body, read_file(issued().cert).substr(5));
  EXPECT_EQ(get("/empty").header("Content-Length"), "0");
  EXPECT_EQ(get("/stream").body, std::string(500'000, 's'));
  const std::string body(200'000, 'x');
  EXPECT_TRUE(parse_reply(reply_bytes(post("Content-Length: 200000\r\n", body))).body == body + "hello");
}

TEST_F(HttpsServer, TakesAHandshakeInAnyPieces) {
  for (const size_t piece : {1UL, 7UL, 100UL}) EXPECT_EQ(get("/", piece).body, "hello") << piece;
}

TEST_F(HttpsServer, AnswersExpect100Continue) {
  const std::string reply = reply_bytes(post("Expect: 100-continue\r\nContent-Length: 4\r\n", "body"));
  EXPECT_TRUE(reply.ends_with("bodyhello")) << reply;
}

/// A keep-alive connection.
struct KeepAlive {
  KeepAlive(int port, TlsClients& clients) : connection(port), client(clients) {}

  /// The reply; "" when the server closes the connection.
  std::string ask() {
    std::string text;
    std::string out;
    client.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n", out);
    while (!text.ends_with("hello")) {
      connection.send(out);
      out.clear();
      const std::string bytes = connection.read_some();
      if (bytes.empty()) return {};
      EXPECT_TRUE(client.receive(bytes, text, out));
    }
    return text;
  }

  RawConnection connection;
  TlsClient client;
};

TEST_F(HttpsServer, KeepsConnectionsAlive) {
  KeepAlive connection(port(), clients);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(connection.ask().ends_with("hello"));
  EXPECT_EQ(handled, 3);
}

TEST_F(HttpsServer, ClosesKeepAliveConnectionsAfterAReload) {
  KeepAlive connection(port(), clients);
  EXPECT_TRUE(connection.ask().ends_with("hello"));
  ASSERT_TRUE(tls.load({issued().cert, issued().key, authority().cert()}));
  EXPECT_EQ(connection.ask(), "");
  EXPECT_EQ(handled, 1);
}

TEST_F(HttpsServer, ResumesSessionsAfterARenewedCertificate) {
  EXPECT_EQ(get("/").body, "hello");
  EXPECT_FALSE(resumed);
  EXPECT_EQ(get("/").body, "hello");
  EXPECT_TRUE(resumed);
  const Issued renewed = authority().issue("meta");
  ASSERT_TRUE(tls.load({renewed.cert, renewed.key, ""}));
  EXPECT_EQ(get("/").body, "hello");
  EXPECT_TRUE(resumed);
  ASSERT_TRUE(tls.load({renewed.cert, renewed.key, authority().cert()}));
  EXPECT_EQ(get("/").body, "hello");
  EXPECT_FALSE(resumed) << "the session began before client certificates were required";
}

TEST_F(HttpsServer, TellsPlainHttpClientsToUseHttps) {
  for (const std::string& bytes : {std::string("GET / HTTP/1.1\r\nHost: h\r\n\r\n"), kKeptPost, std::string("x")}) {
    HttpReply reply;
    EXPECT_LT(seconds_of([&] { reply = reply_to(bytes); }), kAtOnce);
    EXPECT_EQ(reply.status, 400);
    EXPECT_EQ(reply.body, "this port speaks TLS: ask for https://\n");
  }
  EXPECT_EQ(handled, 0);
}

TEST_F(HttpsServer, ClosesConnectionsWithAnInvalidHandshake) {
  std::string hello;
  TlsClient(clients).send("", hello);
  for (std::string bytes : {std::string(1000, '\x16'), std::string("\x16\x03\x01\x00\x05hello", 10), hello + "rubbish",
                            std::string("\x16\x03\x01\xff\xff") + std::string(70'000, 'x')}) {
    const RawConnection connection(port());
    connection.send(bytes);
    EXPECT_LT(seconds_of([&] { connection.read_all(); }), kAtOnce) << bytes.substr(0, 20);
  }
  EXPECT_EQ(get("/").body, "hello");
  EXPECT_EQ(handled, 1);
}

TEST_F(HttpsServer, AnswersDespiteManyStalledHandshakes) {
  std::string hello;
  TlsClient(clients).send("", hello);
  std::vector<std::unique_ptr<RawConnection>> crowd;
  for (size_t i = 0; i < 200; ++i) {
    crowd.push_back(std::make_unique<RawConnection>(port()));
    crowd.back()->send(hello.substr(0, i % 3 * hello.size() / 2));
  }
  HttpReply reply;
  EXPECT_LT(seconds_of([&] { reply = get("/"); }), kAtOnce);
  EXPECT_EQ(reply.body, "hello");
}

TEST_F(HttpServerTest, TellsTlsClientsToUseHttp) {
  TlsClients clients(true);
  std::string hello;
  TlsClient(clients).send("", hello);
  HttpReply reply;
  EXPECT_LT(seconds_of([&] { reply = reply_to(hello); }), kAtOnce);
  EXPECT_EQ(reply.status, 400);
  EXPECT_EQ(reply.body, "this port speaks plain HTTP: ask for http://\n");
}

}  // namespace
}  // namespace ops::tests
