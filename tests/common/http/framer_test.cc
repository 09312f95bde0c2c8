#include "common/http/framer.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace ops::tests {
namespace {

using Verdict = HttpFramer::Verdict;

constexpr size_t kMaxBody = 1000;

std::string post(const std::string& fields, const std::string& body = "") {
  return "POST /x HTTP/1.1\r\nHost: h\r\n" + fields + "\r\n" + body;
}

Verdict verdict_of(const std::string& bytes) { return HttpFramer(kMaxBody).look(bytes); }

struct Case {
  std::string request;
  std::string body;
};

std::vector<Case> whole_requests() {
  return {{"GET / HTTP/1.1\r\nHost: h\r\n\r\n", ""},
          {"GET / HTTP/1.0\r\n\r\n", ""},
          {post("Content-Length: 4\r\n", "body"), "body"},
          {post("content-LENGTH:4\r\nContent-Length:  4 \r\n", "body"), "body"},
          {post("Content-Length: 0\r\n"), ""},
          {post("Content-Length: 8\r\n", "\r\n\r\n\r\n\r\n"), "\r\n\r\n\r\n\r\n"},
          {post("Transfer-Encoding: Chunked\r\n", "0\r\n\r\n"), ""},
          {post("Transfer-Encoding: chunked\r\n", "3\r\nbod\r\n1\r\ny\r\n0\r\n\r\n"), "body"},
          {post("Transfer-Encoding: chunked\r\n", "A;x=y\r\n0123456789\r\n00\r\nTrailer: x\r\n\r\n"), "0123456789"},
          {post("Transfer-Encoding: chunked\r\n", "4\r\n\r\n\r\n\r\n0\r\n\r\n"), "\r\n\r\n"}};
}

TEST(HttpFramer, FindsTheEndOfARequestThatComesByteByByte) {
  for (const auto& [request, body] : whole_requests()) {
    HttpFramer framer(kMaxBody);
    for (size_t size = 0; size < request.size(); ++size) {
      ASSERT_EQ(framer.look(request.substr(0, size)), Verdict::incomplete) << request << " at " << size;
    }
    ASSERT_EQ(framer.look(request), Verdict::complete) << request;
    EXPECT_EQ(framer.size(), request.size()) << request;
    EXPECT_EQ(framer.body(request), body) << request;
    EXPECT_TRUE(framer.head(request).ends_with("\r\n\r\n")) << request;
  }
}

TEST(HttpFramer, LeavesTheNextRequestAlone) {
  for (const auto& [request, body] : whole_requests()) {
    HttpFramer framer(kMaxBody);
    const std::string bytes = request + "GET /next HTTP/1.1\r\n\r\n";
    ASSERT_EQ(framer.look(bytes), Verdict::complete) << request;
    EXPECT_EQ(framer.size(), request.size()) << request;
    EXPECT_EQ(framer.body(bytes), body) << request;
  }
}

TEST(HttpFramer, RefusesWhatHasTwoEnds) {
  EXPECT_EQ(verdict_of(post("Content-Length: 4\r\nContent-Length: 5\r\n")), Verdict::malformed);
  EXPECT_EQ(verdict_of(post("Content-Length: 4\r\nTransfer-Encoding: chunked\r\n")), Verdict::malformed);
  EXPECT_EQ(verdict_of(post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n")), Verdict::malformed);
  EXPECT_EQ(verdict_of(post("Transfer-Encoding: gzip, chunked\r\n")), Verdict::malformed);
  for (const char* length : {"", "-1", "+4", "4x", "4, 4", "0x4", "4 4"}) {
    EXPECT_EQ(verdict_of(post(std::string("Content-Length: ") + length + "\r\n", "body")), Verdict::malformed) << length;
  }
  for (const char* chunk : {"x\r\n", "\r\n", "-1\r\n", "4\r\nbodyXX0\r\n\r\n"}) {
    EXPECT_EQ(verdict_of(post("Transfer-Encoding: chunked\r\n", chunk)), Verdict::malformed) << chunk;
  }
}

TEST(HttpFramer, WantsOneHost) {
  const auto verdict = [](const std::string& fields) { return verdict_of("GET / HTTP/1.1\r\n" + fields + "\r\n"); };
  for (const char* host : {"h", "meta.example:2000", "10.0.0.1", "[::1]:2000", "web_1", ""}) {
    EXPECT_EQ(verdict(std::string("hOST: ") + host + "\r\n"), Verdict::complete) << host;
  }
  EXPECT_EQ(verdict(""), Verdict::no_host);
  EXPECT_EQ(verdict("Host: a\r\nHost: a\r\n"), Verdict::no_host);
  EXPECT_EQ(verdict("Host : a\r\n"), Verdict::no_host);
  for (const char* host : {"a b", "a/b", "u@h", "h?", "h#", "a\tb", "gr\xc3\xb6sse"}) {
    EXPECT_EQ(verdict(std::string("Host: ") + host + "\r\n"), Verdict::no_host) << host;
  }
  EXPECT_EQ(verdict_of("GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n"), Verdict::no_host);
  EXPECT_EQ(verdict_of("GET / HTTP/1.00\r\n\r\n"), Verdict::no_host);
}

TEST(HttpFramer, RefusesALargeBodyAsSoonAsItIsAnnounced) {
  EXPECT_EQ(verdict_of(post("Content-Length: 1000\r\n")), Verdict::incomplete);
  for (const char* length : {"1001", "4294967296", "99999999999999999999999"}) {
    EXPECT_EQ(verdict_of(post(std::string("Content-Length: ") + length + "\r\n")), Verdict::body_large) << length;
  }
  for (const char* chunk : {"3E9\r\n", "FFFFFFFFFFFFFFFE\r\n", "fffffffffffffffffffffff\r\n", "1\r\nx\r\n3e8\r\n"}) {
    EXPECT_EQ(verdict_of(post("Transfer-Encoding: chunked\r\n", chunk)), Verdict::body_large) << chunk;
  }
}

TEST(HttpFramer, BoundsWhatIsNoBody) {
  EXPECT_EQ(verdict_of(std::string(HttpFramer::kMaxHead, 'x')), Verdict::incomplete);
  EXPECT_EQ(verdict_of(std::string(HttpFramer::kMaxHead + 1, 'x')), Verdict::head_large);
  EXPECT_EQ(verdict_of(post("X: " + std::string(HttpFramer::kMaxHead, 'x') + "\r\n")), Verdict::head_large);
  const std::string chunked = post("Transfer-Encoding: chunked\r\n");
  EXPECT_EQ(verdict_of(chunked + std::string(2000, '0')), Verdict::malformed) << "an endless size";
  EXPECT_EQ(verdict_of(chunked + "0\r\n" + std::string(2000, 'x')), Verdict::malformed) << "endless trailers";
  std::string extensions = chunked;
  for (int i = 0; i < 100; ++i) extensions += "1;" + std::string(1000, 'x') + "\r\nx\r\n";
  EXPECT_EQ(verdict_of(extensions), Verdict::body_large) << "100 bytes, and 100,000 of extensions";
}

TEST(HttpFramer, JudgesTheSameHoweverTheBytesCome) {
  const std::string chunked = post("Transfer-Encoding: chunked\r\n");
  const size_t room = HttpFramer::kMaxHead - post("X: \r\n").size();
  std::vector<std::string> all = {post("X: " + std::string(room, 'x') + "\r\n"),
                                  post("X: " + std::string(room + 1, 'x') + "\r\n"),
                                  chunked + "0\r\n\r\n" + std::string(50'000, 'x')};
  for (size_t size = 1010; size < 1030; ++size) {  // about the longest line that chunks may have
    all.push_back(chunked + "1;" + std::string(size, 'x') + "\r\ny\r\n0\r\n\r\n");
    all.push_back(chunked + "0\r\n" + std::string(size, 'x') + "\r\n\r\n");
  }
  for (const std::string& bytes : all) {
    HttpFramer framer(kMaxBody);
    Verdict verdict = Verdict::incomplete;
    for (size_t size = 0; size <= bytes.size() && verdict == Verdict::incomplete; ++size) {
      verdict = framer.look(std::string_view(bytes).substr(0, size));
    }
    EXPECT_EQ(verdict, verdict_of(bytes)) << bytes.size();
  }
}

TEST(HttpFramer, SeesAClientThatWaitsToBeAsked) {
  HttpFramer framer(kMaxBody);
  EXPECT_EQ(framer.look(post("Expect: 100-Continue\r\nContent-Length: 4\r\n")), Verdict::incomplete);
  EXPECT_TRUE(framer.has_head());
  EXPECT_TRUE(framer.wants_continue());
}

}  // namespace
}  // namespace ops::tests
