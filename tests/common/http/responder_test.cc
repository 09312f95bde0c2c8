#include "common/http/responder.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <memory>

#include "tests/support/http.h"

namespace ops::tests {
namespace {

struct Responded {
  ops::HttpReply reply;
  std::string bytes;
};

Responded respond(const HttpRequest& request, const HttpHandler& handler, bool may_keep = true) {
  Responded responded;
  responded.reply = HttpResponder(handler).respond(request, may_keep, responded.bytes);
  return responded;
}

HttpRequest request_for(const std::string& method, int minor_version = 1) {
  HttpRequest request;
  request.method = method;
  request.path = "/";
  request.minor_version = minor_version;
  return request;
}

HttpResponse hello(const HttpRequest&) { return HttpResponse::text(200, "hello"); }

HttpResponse stream(const HttpRequest&) {
  HttpResponse response;
  response.stream = [](std::string&) { return false; };
  return response;
}

TEST(HttpResponder, WritesHeadAndBody) {
  const auto [reply, bytes] = respond(request_for("GET"), hello);
  EXPECT_TRUE(bytes.starts_with("HTTP/1.1 200 OK\r\nDate: "));
  EXPECT_TRUE(bytes.ends_with("\r\nContent-Type: text/plain; charset=UTF-8\r\nContent-Length: 5\r\n\r\nhello"));
  EXPECT_FALSE(reply.close);
}

TEST(HttpResponder, ClosesWhenEitherSideWants) {
  HttpRequest closing = request_for("GET");
  closing.keep_alive = false;
  for (const auto& [reply, bytes] : {respond(closing, hello), respond(request_for("GET"), hello, false)}) {
    EXPECT_TRUE(reply.close);
    EXPECT_EQ(parse_reply(bytes).header("Connection"), "close");
  }
}

TEST(HttpResponder, ChunksAStreamForHttp11Only) {
  const auto chunked = respond(request_for("GET"), stream);
  EXPECT_TRUE(chunked.reply.is_chunked && chunked.reply.stream && !chunked.reply.close);
  EXPECT_EQ(parse_reply(chunked.bytes).header("Transfer-Encoding"), "chunked");
  EXPECT_EQ(parse_reply(chunked.bytes).header("Content-Length"), "");
  const auto plain = respond(request_for("GET", 0), stream);
  EXPECT_TRUE(!plain.reply.is_chunked && plain.reply.stream && plain.reply.close);
  EXPECT_EQ(parse_reply(plain.bytes).header("Transfer-Encoding"), "");
  EXPECT_FALSE(respond(request_for("HEAD"), stream).reply.stream);
}

TEST(HttpResponder, IgnoresTheTextBodyOfAFileOrStream) {
  const auto with_text = [](const HttpRequest& request) {
    HttpResponse response = HttpResponse::text(200, "text");
    if (request.path == "/file") response.file_body = {std::make_shared<const Fd>(::open("/dev/null", O_RDONLY)), 0, 7};
    if (request.path == "/stream") response.stream = [](std::string&) { return false; };
    return response;
  };
  HttpRequest request = request_for("GET");
  request.path = "/file";
  const auto file = respond(request, with_text);
  EXPECT_TRUE(file.bytes.ends_with("Content-Length: 7\r\n\r\n") && file.reply.file.file) << file.bytes;
  request.path = "/stream";
  const auto streamed = respond(request, with_text);
  EXPECT_TRUE(streamed.bytes.ends_with("chunked\r\n\r\n") && streamed.reply.stream) << streamed.bytes;
}

TEST(HttpResponder, WritesNoBodyWith304) {
  const auto [reply, bytes] = respond(request_for("GET"), [](const HttpRequest&) { return HttpResponse::text(304, "body"); });
  EXPECT_TRUE(bytes.ends_with("GMT\r\n\r\n")) << bytes;
}

TEST(HttpResponder, DropsFieldsThatWouldEndTheLine) {
  const auto [reply, bytes] = respond(request_for("GET"), [](const HttpRequest&) {
    HttpResponse response = HttpResponse::redirect("/x\r\nSet-Cookie: y");
    response.headers.emplace_back("X Y", "z");
    response.headers.emplace_back("X-Good", "z");
    return response;
  });
  EXPECT_EQ(bytes.find("Cookie"), std::string::npos);
  EXPECT_EQ(bytes.find("X Y"), std::string::npos);
  EXPECT_EQ(parse_reply(bytes).header("X-Good"), "z");
}

TEST(HttpResponder, SaysTheStatusWhenARefusalHasNoBody) {
  EXPECT_EQ(parse_reply(respond(request_for("BREW"), hello).bytes).body, "405 Method Not Allowed\n");
  const auto empty = [](const HttpRequest&) { return HttpResponse::text(404, ""); };
  EXPECT_EQ(parse_reply(respond(request_for("GET"), empty).bytes).body, "404 Not Found\n");
  EXPECT_EQ(parse_reply(refusal_reply(431)).body, "431 Request Header Fields Too Large\n");
  EXPECT_EQ(parse_reply(refusal_reply(400, "why")).body, "why\n");
}

}  // namespace
}  // namespace ops::tests
