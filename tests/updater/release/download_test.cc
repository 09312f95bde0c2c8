// Downloads from servers that misbehave.

#include <unistd.h>

#include <thread>

#include "tests/support/small_disk.h"
#include "tests/support/wait.h"
#include "tests/updater/release/download_fixture.h"

namespace ops::updater {
namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;
using tests::eventually;
using tests::http_chunk;
using tests::http_head;
using tests::http_reply;

TEST_F(DownloadTest, WritesTheFileAndReportsProgress) {
  ASSERT_TRUE(downloads(serves({whole, "", ""})));
  EXPECT_EQ(content(), whole);
  EXPECT_EQ(done, whole.size());
  EXPECT_EQ(total, whole.size());
  EXPECT_TRUE(last_header("User-Agent").starts_with("ops-updater/"));
  EXPECT_EQ(last_header("Range"), "");
}

TEST_F(DownloadTest, AcceptsAnEmptyFile) {
  tests::write_file(path, "left from before");
  ASSERT_TRUE(downloads(always_sends(http_reply(200, ""))));
  EXPECT_EQ(content(), "");
}

TEST_F(DownloadTest, AcceptsChunksWithoutALength) {
  ASSERT_TRUE(downloads(always_sends(http_head(200, {{"Transfer-Encoding", "chunked"}}) + http_chunk(whole.substr(0, 7)) +
                                     http_chunk(whole.substr(7)) + http_chunk(""))));
  EXPECT_EQ(content(), whole);
  EXPECT_EQ(total, 0U);
}

TEST_F(DownloadTest, GivesUpWhenTheServerStalls) {
  const std::string half = http_head(200, {{"Content-Length", "300000"}}) + whole.substr(0, 1000);
  for (const size_t bytes : {size_t{0}, size_t{9}, half.size() - 1000, half.size()}) {
    const std::string error = failure([half, bytes](const FakeRequest&, const FakePeer& peer) {
      peer.send(half.substr(0, bytes));
      peer.stall();
    });
    EXPECT_HAS(error, server.url("/t.tar.gz") + ": Operation too slow. Less than 1000 bytes/sec");
  }
  EXPECT_EQ(content(), whole.substr(0, 1000)) << "the part stays for the next attempt";
}

TEST_F(DownloadTest, GivesUpAtOneBytePerSecond) {
  EXPECT_HAS(failure([&](const FakeRequest&, const FakePeer& peer) {
               peer.send(http_head(200, {{"Content-Length", "300000"}}));
               peer.drip(whole, milliseconds(200));
             }),
             "too slow");
  EXPECT_HAS(failure([&](const FakeRequest&, const FakePeer& peer) { peer.drip(std::string(1000, 'H'), milliseconds(200)); }),
             server.url("/t.tar.gz") + ": ");
}

TEST_F(DownloadTest, GivesUpAfterMaxTimeAtAnySpeed) {
  limits.least_speed = 1;
  limits.max_time = seconds(1);
  EXPECT_HAS(failure([&](const FakeRequest&, const FakePeer& peer) {
               peer.send(http_head(200, {{"Content-Length", "300000"}}));
               peer.drip(whole, milliseconds(1));
             }),
             "timed out");
  EXPECT_FALSE(content().empty()) << "the part stays for the next attempt";
}

TEST_F(DownloadTest, ReportsAConnectionThatEndsEarly) {
  const std::string reply = http_reply(200, whole);
  for (const size_t bytes : {size_t{0}, size_t{5}, size_t{30}, reply.size() - 1}) {
    EXPECT_HAS(failure(always_sends(reply.substr(0, bytes))), server.url("/t.tar.gz") + ": ") << bytes;
  }
  EXPECT_EQ(content().size(), whole.size() - 1);
  EXPECT_HAS(failure(always_sends(http_head(200, {{"Transfer-Encoding", "chunked"}}) + http_chunk(whole))), "t.tar.gz: ");
}

TEST_F(DownloadTest, IgnoresBytesAfterTheContentLength) {
  ASSERT_TRUE(downloads(always_sends(http_reply(200, whole) + "and more")));
  EXPECT_EQ(content(), whole);
}

TEST_F(DownloadTest, ReportsAReplyThatIsNotHttp) {
  EXPECT_HAS(failure(always_sends("SSH-2.0-OpenSSH_9.2\r\n")), "does not speak HTTP: should the URL begin with https://?");
  EXPECT_HAS(failure(always_sends(std::string(100'000, '\0'))), "t.tar.gz: ");
  EXPECT_HAS(failure(always_sends("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzzz\r\n")), "t.tar.gz: ");
  EXPECT_HAS(failure(always_sends("HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n")), "t.tar.gz: ");
}

TEST_F(DownloadTest, GivesUpOnEndlessHeaders) {
  EXPECT_HAS(failure([](const FakeRequest&, const FakePeer& peer) {
               peer.send("HTTP/1.1 200 OK\r\n");
               while (peer.send("X-More: " + std::string(1000, 'x') + "\r\n")) {
               }
             }),
             "t.tar.gz: ");
  EXPECT_HAS(failure([](const FakeRequest&, const FakePeer& peer) {
               peer.send("HTTP/1.1 200 OK\r\nX-Long: ");
               while (peer.send(std::string(1000, 'x'))) {
               }
             }),
             "t.tar.gz: ");
}

TEST_F(DownloadTest, GivesUpOnEndlessBodiesAndKeepsNothing) {
  const auto endless = [](const std::string& head, const std::string& piece) {
    return [head, piece](const FakeRequest&, const FakePeer& peer) {
      peer.send(head);
      while (peer.send(piece)) {
      }
    };
  };
  const std::string chunk = http_chunk(std::string(60'000, 'x'));
  const tests::HeaderFields chunked = {{"Transfer-Encoding", "chunked"}, {"ETag", "\"1\""}};
  EXPECT_HAS(failure(endless(http_head(200, chunked), chunk)), "it has more than 10485760 bytes");
  EXPECT_EQ(tests::list(folder.path()), std::vector<std::string>{});
  EXPECT_HAS(failure(endless(http_head(200, {}), chunk)), "it has more than 10485760 bytes");
  EXPECT_HAS(failure(endless(http_head(503, chunked), chunk)), "HTTP status 503");
  const tests::HeaderFields redirect = {{"Transfer-Encoding", "chunked"}, {"Location", "/t.tar.gz"}};
  EXPECT_HAS(failure(endless(http_head(302, redirect), chunk)), "t.tar.gz: ");
}

TEST_F(DownloadTest, RefusesALengthAboveTheLimitAtOnce) {
  EXPECT_HAS(failure([&](const FakeRequest&, const FakePeer& peer) {
               peer.send(http_head(200, {{"Content-Length", "99999999999999"}}) + "x");
               peer.stall();
             }),
             "it has 99999999999999 bytes, the limit is 10485760");
}

TEST_F(DownloadTest, ReportsTheStatusOfAnErrorReply) {
  for (const int status : {204, 304, 400, 403, 404, 500}) {
    const std::string reason = status < 400 ? "" : ": the page says no";  // a 204 and a 304 have no body
    EXPECT_EQ(failure(always_sends(http_reply(status, "the page says no"))),
              server.url("/t.tar.gz") + ": HTTP status " + std::to_string(status) + reason);
  }
  EXPECT_EQ(content(), "");
}

TEST_F(DownloadTest, ReportsARetryAfter) {
  const std::string start = server.url("/t.tar.gz") + ": HTTP status ";
  EXPECT_EQ(failure(always_sends(http_reply(429, "", {{"Retry-After", "30"}}))), start + "429, try again after 30 s");
  EXPECT_EQ(failure(always_sends(http_reply(503, "", {{"Retry-After", "Wed, 21 Oct 2026 07:28:00 GMT"}}))),
            start + "503, try again after Wed, 21 Oct 2026 07:28:00 GMT");
  EXPECT_EQ(failure(always_sends(http_reply(503, ""))), start + "503");

  server.set_handler(always_sends(http_reply(503, "", {{"Retry-After", "40"}})));
  const auto failed = updater::download(server.url("/t.tar.gz"), path, limits, progress, {});
  ASSERT_TRUE(failed);
  EXPECT_EQ(failed->retry_after, seconds(40));
}

TEST_F(DownloadTest, FollowsAtMostFiveRedirects) {
  ASSERT_TRUE(downloads([&](const FakeRequest& request, const FakePeer& peer) {
    peer.send(request.target == "/t.tar.gz" ? http_reply(302, "moved", {{"Location", "/elsewhere"}, {"ETag", "\"page\""}})
                                            : http_reply(200, whole));
  }));
  EXPECT_EQ(content(), whole);
  EXPECT_FALSE(tests::exists(path + ".from")) << "the redirect's ETag is not the file's";
  EXPECT_HAS(failure(always_sends(http_reply(302, "", {{"Location", "/t.tar.gz"}}))), "redirects");
  EXPECT_LT(server.requests().size(), 20U);
}

TEST_F(DownloadTest, RefusesARedirectToALocalFile) {
  tests::write_file(folder / "secret", "secret");
  for (const std::string& to :
       {"file://" + (folder / "secret"), std::string("gopher://127.0.0.1/x"), std::string("ftp://127.0.0.1/x")}) {
    EXPECT_HAS(failure(always_sends(http_reply(302, "", {{"Location", to}}))), "t.tar.gz: ");
    EXPECT_EQ(content(), "");
  }
  EXPECT_TRUE(updater::download("file://" + (folder / "secret"), path, limits, progress, {}));
}

TEST_F(DownloadTest, ReportsAPortWithoutTls) {
  server.set_handler(always_sends(http_reply(400, "this is plain HTTP")));
  const auto result = outcome(updater::download("https://" + server.address() + "/t.tar.gz", path, limits, progress, {}));
  ASSERT_FALSE(result);
  EXPECT_HAS(result.error().message, "https://" + server.address() + "/t.tar.gz: ");
}

TEST_F(DownloadTest, ReportsAServerThatDoesNotListen) {
  const auto result = outcome(updater::download("http://127.0.0.1:1/t.tar.gz", path, limits, progress, {}));
  ASSERT_FALSE(result);
  EXPECT_HAS(result.error().message, "127.0.0.1 port 1");
  EXPECT_TRUE(updater::download("/falcon-agent-1.tar.gz", path, limits, progress, {}));
  EXPECT_TRUE(updater::download("http://", path, limits, progress, {}));
}

TEST_F(DownloadTest, ReplacesAnythingButAFileAtItsPath) {
  tests::write_file(folder / "precious", "precious");
  ASSERT_EQ(::symlink((folder / "precious").c_str(), path.c_str()), 0);
  EXPECT_TRUE(downloads(serves({whole, "", ""})));
  EXPECT_EQ(content(), whole);
  EXPECT_EQ(tests::read_file(folder / "precious"), "precious");
  forget_all();
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  EXPECT_TRUE(downloads(serves({whole, "", ""}))) << "opening a FIFO would block";
  forget_all();
  tests::write_file(path + "/a/b", "");
  EXPECT_TRUE(downloads(serves({whole, "", ""})));
  EXPECT_EQ(content(), whole);
}

TEST_F(DownloadTest, RefusesToUseTheDisksReserve) {
  limits.reserve = uint64_t{1} << 60;
  const std::string error = failure(serves({whole, "", ""}));
  EXPECT_HAS(error, "not enough disk space: 300000 bytes are needed and 1152921504606846976 bytes must stay free");
  EXPECT_HAS(error, "but the disk of " + path + " has only ");
  EXPECT_EQ(content(), "");
}

TEST_F(DownloadTest, ChecksTheDiskDuringADownloadOfUnknownLength) {
  const tests::SmallDisk disk(8);
  path = disk / ".download-1";
  limits.reserve = disk.is_small() ? 2 << 20 : uint64_t{1} << 60;
  EXPECT_HAS(failure([](const FakeRequest&, const FakePeer& peer) {
               peer.send(http_head(200, {{"Transfer-Encoding", "chunked"}}));
               while (peer.send(http_chunk(std::string(60'000, 'x')))) {
               }
             }),
             "not enough disk space");
}

TEST_F(DownloadTest, ReportsAFullDisk) {
  const tests::SmallDisk disk(1);
  if (disk.is_small()) path = disk / ".download-1";
  const std::string error = failure([](const FakeRequest&, const FakePeer& peer) {
    peer.send(http_head(200, {{"Transfer-Encoding", "chunked"}}));
    while (peer.send(http_chunk(std::string(60'000, 'x')))) {
    }
  });
  EXPECT_HAS(error, disk.is_small() ? "cannot write " + path + ": No space left on device" : "it has more than");
}

TEST_F(DownloadTest, EndsAtOnceWhenCancelled) {
  for (const std::string& sent : {std::string(), http_head(200, {{"Content-Length", "300000"}}) + whole.substr(0, 9)}) {
    cancel = {};
    const size_t before = server.requests().size();
    server.set_handler([sent](const FakeRequest&, const FakePeer& peer) {
      peer.send(sent);
      peer.stall();
    });
    Clock::time_point asked;
    std::jthread cancels([&] {
      eventually([&] { return server.requests().size() > before; });
      asked = Clock::now();
      cancel.request_stop();
    });
    limits.stall_time = seconds(60);
    EXPECT_HAS(failure(), "was cancelled");
    cancels = {};
    EXPECT_LT(Clock::now() - asked, seconds(20));
  }
}

TEST_F(DownloadTest, LimitsTheSizeAndTimeOfSmallFiles) {
  seconds timeout(30);
  const auto get = [&](const FakeServer::Handler& handler) {
    server.set_handler(handler);
    const auto reply = get_small(server.url("/x.md5"), 1000, timeout, {});
    return reply ? std::to_string(reply->status) + " " + reply->body : reply.error().message;
  };
  const std::string url = server.url("/x.md5") + ": ";
  EXPECT_EQ(get(always_sends(http_reply(200, "abc"))), "200 abc");
  EXPECT_EQ(get(always_sends(http_reply(404, "abc"))), "404 abc");
  EXPECT_EQ(get(always_sends(http_reply(200, std::string(1001, 'x')))), url + "the reply is longer than 1000 bytes");
  EXPECT_HAS(get(always_sends(http_reply(200, "abc").substr(0, 60))), url);
  timeout = seconds(1);
  EXPECT_HAS(get([](const FakeRequest&, const FakePeer& peer) { peer.stall(); }), "timed out");
  EXPECT_HAS(get([](const FakeRequest&, const FakePeer& peer) { peer.drip(http_reply(200, "abc"), milliseconds(100)); }),
             "timed out");
}

}  // namespace
}  // namespace ops::updater
