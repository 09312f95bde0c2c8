#include "common/http/request_head.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace ops::tests {
namespace {

using Pairs = std::vector<std::pair<std::string, std::string>>;

HttpVerdict verdict_of(const std::string& head) {
  RequestHead parsed;
  return parse_request_head(head, parsed);
}

HttpVerdict verdict_of_line(const std::string& line) { return verdict_of(line + "\r\nHost: h\r\n\r\n"); }

HttpVerdict verdict_of_fields(const std::string& fields) { return verdict_of("GET / HTTP/1.1\r\n" + fields + "\r\n"); }

HttpRequest request_to(const std::string& target) {
  RequestHead parsed;
  EXPECT_EQ(parse_request_head("GET " + target + " HTTP/1.1\r\nHost: h\r\n\r\n", parsed), HttpVerdict::complete) << target;
  return parsed.request;
}

TEST(HttpRequestHead, HasMethodPathQueryAndHeaders) {
  RequestHead head;
  ASSERT_EQ(parse_request_head("POST /a%20b%2Fc?x=1 HTTP/1.1\r\nHost: h\r\nX-Empty:\r\nX-A: \t b c%20\xff \r\n\r\n", head),
            HttpVerdict::complete);
  EXPECT_EQ(head.request.method, "POST");
  EXPECT_EQ(head.request.path, "/a b/c");
  EXPECT_EQ(head.request.query, (Pairs{{"x", "1"}}));
  EXPECT_EQ(head.request.headers, (Pairs{{"Host", "h"}, {"X-Empty", ""}, {"X-A", "b c%20\xff"}}));
  EXPECT_EQ(head.request.minor_version, 1);
}

TEST(HttpRequestHead, DecodesOnlyWholeEscapes) {
  EXPECT_EQ(request_to("/%41%zz%4").path, "/A%zz%4");
  EXPECT_EQ(request_to("/%").path, "/%");
  EXPECT_EQ(request_to("/%00%0d%0A+").path, std::string("/\0\r\n+", 5));
  EXPECT_EQ(request_to("/%u0041").path, "/%u0041");
  EXPECT_EQ(request_to("/?a%3D=b+c%2B&&d&=e&f=g=h?").query, (Pairs{{"a=", "b c+"}, {"d", ""}, {"", "e"}, {"f", "g=h?"}}));
}

TEST(HttpRequestHead, TakesThePathOutOfAWholeUri) {
  EXPECT_EQ(request_to("http://meta:2000/health?x=1").path, "/health");
  EXPECT_EQ(request_to("HTTPS://meta").path, "/");
  EXPECT_EQ(request_to("*").path, "*");
}

TEST(HttpRequestHead, RefusesAMalformedRequestLine) {
  for (const std::string line : {"",
                                 "GET",
                                 "GET /",
                                 "GET HTTP/1.1",
                                 "GET  HTTP/1.1",
                                 " / HTTP/1.1",
                                 "GET  / HTTP/1.1",
                                 "GET /  HTTP/1.1",
                                 "GET /\tHTTP/1.1",
                                 " GET / HTTP/1.1",
                                 "GET / HTTP/1.1 ",
                                 "GET /a b HTTP/1.1",
                                 "GET / HTTP/1.2",
                                 "GET / HTTP/2.0",
                                 "GET / HTTP/1.10",
                                 "GET / http/1.1",
                                 "G(T / HTTP/1.1",
                                 "GET x HTTP/1.1",
                                 "GET ?x HTTP/1.1",
                                 "GET /#x HTTP/1.1",
                                 "GET /\x7f HTTP/1.1",
                                 "GET /\n HTTP/1.1",
                                 "GET /\r HTTP/1.1",
                                 "GET ftp://h/ HTTP/1.1",
                                 "CONNECT h:443 HTTP/1.1"}) {
    EXPECT_EQ(verdict_of_line(line), HttpVerdict::malformed) << line;
  }
  EXPECT_EQ(verdict_of_line(std::string("GET /\0 HTTP/1.1", 15)), HttpVerdict::malformed);
  EXPECT_EQ(verdict_of_line("BREW /\xc3\xa4 HTTP/1.1"), HttpVerdict::complete);
}

TEST(HttpRequestHead, LimitsTheRequestLineAndTheNumberOfFields) {
  const size_t room = kMaxRequestLine - std::string("GET / HTTP/1.1").size();
  EXPECT_EQ(verdict_of_line("GET /" + std::string(room, 'x') + " HTTP/1.1"), HttpVerdict::complete);
  EXPECT_EQ(verdict_of_line("GET /" + std::string(room + 1, 'x') + " HTTP/1.1"), HttpVerdict::target_too_long);
  std::string fields = "Host: h\r\n";
  for (size_t i = 1; i < kMaxFields; ++i) fields += "X: y\r\n";
  EXPECT_EQ(verdict_of_fields(fields), HttpVerdict::complete);
  EXPECT_EQ(verdict_of_fields(fields + "X: y\r\n"), HttpVerdict::head_too_large);
}

TEST(HttpRequestHead, RefusesAMalformedField) {
  for (const std::string field : {"no colon", ": no name", "X : space before the colon", "X\t: y", " X: folded", "\tX: folded",
                                  "X: bare\rCR", "X: bare\nLF", "X: CR\r", "X: \x7f", "X\ny: z", "\xc3\xa4: z", "X(: z"}) {
    EXPECT_EQ(verdict_of_fields("Host: h\r\n" + field + "\r\n"), HttpVerdict::malformed) << field;
  }
  EXPECT_EQ(verdict_of_fields("Host: h\r\n" + std::string("X: \0", 4) + "\r\n"), HttpVerdict::malformed);
  EXPECT_EQ(verdict_of_fields("Host: h\r\nX: a\nContent-Length: 5\r\n"), HttpVerdict::malformed) << "a field behind a bare LF";
}

TEST(HttpRequestHead, RequiresOneHost) {
  for (const char* host : {"h", "meta.example:2000", "10.0.0.1", "[::1]:2000", "web_1", ""}) {
    EXPECT_EQ(verdict_of_fields(std::string("hOST: ") + host + "\r\n"), HttpVerdict::complete) << host;
  }
  EXPECT_EQ(verdict_of_fields(""), HttpVerdict::invalid_host);
  EXPECT_EQ(verdict_of_fields("Host: a\r\nHost: a\r\n"), HttpVerdict::invalid_host);
  for (const char* host : {"a b", "a/b", "u@h", "h?", "h#", "a\tb", "gr\xc3\xb6sse"}) {
    EXPECT_EQ(verdict_of_fields(std::string("Host: ") + host + "\r\n"), HttpVerdict::invalid_host) << host;
  }
  EXPECT_EQ(verdict_of("GET / HTTP/1.0\r\n\r\n"), HttpVerdict::complete);
  EXPECT_EQ(verdict_of("GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n"), HttpVerdict::invalid_host);
}

TEST(HttpRequestHead, RefusesAnAmbiguousBodyLength) {
  const auto verdict = [](const std::string& fields) { return verdict_of_fields("Host: h\r\n" + fields); };
  EXPECT_EQ(verdict("content-LENGTH:4\r\nContent-Length:  4 \r\n"), HttpVerdict::complete);
  EXPECT_EQ(verdict("Transfer-Encoding: Chunked\r\n"), HttpVerdict::complete);
  for (const char* length : {"", "-1", "+4", "4x", "4, 4", "0x4", "4 4", "4\v"}) {
    EXPECT_EQ(verdict(std::string("Content-Length: ") + length + "\r\n"), HttpVerdict::malformed) << length;
  }
  EXPECT_EQ(verdict("Content-Length: 4\r\nContent-Length: 5\r\n"), HttpVerdict::malformed);
  EXPECT_EQ(verdict("Content-Length: 4\r\nTransfer-Encoding: chunked\r\n"), HttpVerdict::malformed);
  EXPECT_EQ(verdict("Transfer-Encoding: chunked\r\nContent-Length: 4\r\n"), HttpVerdict::malformed);
  EXPECT_EQ(verdict("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"), HttpVerdict::malformed);
  for (const char* coding : {"", "gzip", "gzip, chunked", "chunked, identity", "xchunked", "\"chunked\""}) {
    EXPECT_EQ(verdict(std::string("Transfer-Encoding: ") + coding + "\r\n"), HttpVerdict::malformed) << coding;
  }
  EXPECT_EQ(verdict_of("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"), HttpVerdict::malformed);
}

TEST(HttpRequestHead, KeepsTheConnectionUnlessTheClientClosesIt) {
  const auto keeps = [](const std::string& version, const std::string& field) {
    RequestHead head;
    EXPECT_EQ(parse_request_head("GET / " + version + "\r\nHost: h\r\n" + field + "\r\n", head), HttpVerdict::complete);
    return head.request.keep_alive;
  };
  EXPECT_TRUE(keeps("HTTP/1.1", ""));
  EXPECT_TRUE(keeps("HTTP/1.1", "Connection: upgrade\r\n"));
  EXPECT_FALSE(keeps("HTTP/1.1", "Connection: close\r\n"));
  EXPECT_FALSE(keeps("HTTP/1.1", "Connection: upgrade\r\nConnection: x , Close\r\n"));
  EXPECT_FALSE(keeps("HTTP/1.0", ""));
  EXPECT_TRUE(keeps("HTTP/1.0", "Connection: Keep-Alive\r\n"));
  EXPECT_FALSE(keeps("HTTP/1.0", "Connection: keep-alive, close\r\n"));
}

TEST(HttpRequestHead, SeesAClientThatWaitsForContinue) {
  const auto waits = [](const std::string& version) {
    RequestHead head;
    EXPECT_EQ(parse_request_head("POST / " + version + "\r\nHost: h\r\nExpect: 100-Continue\r\n\r\n", head),
              HttpVerdict::complete);
    return head.wants_continue;
  };
  EXPECT_TRUE(waits("HTTP/1.1"));
  EXPECT_FALSE(waits("HTTP/1.0")) << "RFC 9110, section 10.1.1: to be ignored";
}

}  // namespace
}  // namespace ops::tests
