#include "common/http/request_parser.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace ops::tests {
namespace {

constexpr size_t kMaxBody = 1000;

std::string post(const std::string& fields, const std::string& body = "") {
  return "POST /x HTTP/1.1\r\nHost: h\r\n" + fields + "\r\n" + body;
}

std::string post_chunked(const std::string& chunks) { return post("Transfer-Encoding: chunked\r\n", chunks); }

HttpVerdict verdict_of(const std::string& bytes) { return HttpRequestParser(kMaxBody).parse(bytes); }

struct Case {
  std::string request;
  std::string body;
};

std::vector<Case> complete_requests() {
  return {{"GET / HTTP/1.1\r\nHost: h\r\n\r\n", ""},
          {"GET / HTTP/1.0\r\n\r\n", ""},
          {post("Content-Length: 4\r\n", "body"), "body"},
          {post("Content-Length: 0\r\n"), ""},
          {post("Content-Length: 8\r\n", "\r\n\r\n\r\n\r\n"), "\r\n\r\n\r\n\r\n"},
          {post_chunked("0\r\n\r\n"), ""},
          {post_chunked("3\r\nbod\r\n1\r\ny\r\n0\r\n\r\n"), "body"},
          {post_chunked("A;x=y\r\n0123456789\r\n00 ; z\r\nTrailer: x\r\nX:\r\n\r\n"), "0123456789"},
          {post_chunked("4\r\n\r\n\r\n\r\n0\r\n\r\n"), "\r\n\r\n"}};
}

TEST(HttpRequestParser, FindsTheEndOfARequestThatArrivesByteByByte) {
  for (const auto& [request, body] : complete_requests()) {
    HttpRequestParser parser(kMaxBody);
    for (size_t size = 0; size < request.size(); ++size) {
      ASSERT_EQ(parser.parse(request.substr(0, size)), HttpVerdict::incomplete) << request << " at " << size;
    }
    ASSERT_EQ(parser.parse(request), HttpVerdict::complete) << request;
    EXPECT_EQ(parser.size(), request.size()) << request;
    EXPECT_EQ(parser.take(request).body, body) << request;
  }
}

TEST(HttpRequestParser, StopsBeforeTheNextRequest) {
  for (const auto& [request, body] : complete_requests()) {
    HttpRequestParser parser(kMaxBody);
    const std::string bytes = request + "GET /next HTTP/1.1\r\n\r\n";
    ASSERT_EQ(parser.parse(bytes), HttpVerdict::complete) << request;
    EXPECT_EQ(parser.size(), request.size()) << request;
    EXPECT_EQ(parser.take(bytes).body, body) << request;
  }
}

TEST(HttpRequestParser, RefusesMalformedChunks) {
  for (const std::string chunks : {"x\r\n", "\r\n", "-1\r\n", "+1\r\n", " 1\r\n", "0x1\r\n", "1 2\r\n", "4\r\nbodyXX0\r\n\r\n",
                                   "1;x\ny\r\nb\r\n", "1;\r;\r\nb\r\n", "1\n\r\nb\r\n", "0\r\nno trailer\r\n\r\n",
                                   "0\r\nX: y\n\nGET / HTTP/1.1\r\n\r\n", "0\r\n folded\r\n\r\n"}) {
    EXPECT_EQ(verdict_of(post_chunked(chunks)), HttpVerdict::malformed) << chunks;
  }
}

TEST(HttpRequestParser, RefusesALargeBodyAsSoonAsItIsAnnounced) {
  EXPECT_EQ(verdict_of(post("Content-Length: 1000\r\n")), HttpVerdict::incomplete);
  for (const char* length : {"1001", "4294967296", "99999999999999999999999"}) {
    EXPECT_EQ(verdict_of(post(std::string("Content-Length: ") + length + "\r\n")), HttpVerdict::body_too_large) << length;
  }
  for (const char* chunk : {"3E9\r\n", "FFFFFFFFFFFFFFFE\r\n", "fffffffffffffffffffffff\r\n", "1\r\nx\r\n3e8\r\n"}) {
    EXPECT_EQ(verdict_of(post_chunked(chunk)), HttpVerdict::body_too_large) << chunk;
  }
}

TEST(HttpRequestParser, LimitsHeadsChunkExtensionsAndTrailers) {
  EXPECT_EQ(verdict_of(std::string(kMaxHead, 'x')), HttpVerdict::incomplete);
  EXPECT_EQ(verdict_of(std::string(kMaxHead + 1, 'x')), HttpVerdict::head_too_large);
  EXPECT_EQ(verdict_of(post("X: " + std::string(kMaxHead, 'x') + "\r\n")), HttpVerdict::head_too_large);
  EXPECT_EQ(verdict_of(post_chunked(std::string(2000, '0'))), HttpVerdict::malformed) << "an endless size";
  EXPECT_EQ(verdict_of(post_chunked("0\r\nX: " + std::string(2000, 'x'))), HttpVerdict::malformed) << "endless trailers";
  std::string extensions;
  for (int i = 0; i < 100; ++i) extensions += "1;" + std::string(1000, 'x') + "\r\nx\r\n";
  EXPECT_EQ(verdict_of(post_chunked(extensions)), HttpVerdict::body_too_large) << "100 bytes, and 100,000 of extensions";
}

TEST(HttpRequestParser, GivesTheSameVerdictHoweverTheBytesArrive) {
  const size_t room = kMaxHead - post("X: \r\n").size();
  std::vector<std::string> all = {post("X: " + std::string(room, 'x') + "\r\n"),
                                  post("X: " + std::string(room + 1, 'x') + "\r\n"),
                                  post_chunked("0\r\n\r\n" + std::string(50'000, 'x'))};
  for (size_t size = 1010; size < 1030; ++size) {  // around the longest line that is allowed
    all.push_back(post_chunked("1;" + std::string(size, 'x') + "\r\ny\r\n0\r\n\r\n"));
    all.push_back(post_chunked("0\r\nX:" + std::string(size, 'x') + "\r\n\r\n"));
  }
  for (const std::string& bytes : all) {
    HttpRequestParser parser(kMaxBody);
    HttpVerdict verdict = HttpVerdict::incomplete;
    for (size_t size = 0; size <= bytes.size() && verdict == HttpVerdict::incomplete; ++size) {
      verdict = parser.parse(std::string_view(bytes).substr(0, size));
    }
    EXPECT_EQ(verdict, verdict_of(bytes)) << bytes.size();
  }
}

TEST(HttpRequestParser, SeesAClientThatWaitsForContinue) {
  HttpRequestParser parser(kMaxBody);
  EXPECT_EQ(parser.parse(post("Expect: 100-continue\r\nContent-Length: 4\r\n")), HttpVerdict::incomplete);
  EXPECT_TRUE(parser.has_head());
  EXPECT_TRUE(parser.wants_continue());
}

}  // namespace
}  // namespace ops::tests
