// fetch_release() with several base URLs, and with a place for the file's name in them.

#include <random>

#include "tests/updater/release/install_fixture.h"

namespace ops::updater {
namespace {

struct Mirrors : Install {};

/// Bytes that gzip does not compress.
std::string noise(size_t size) {
  std::mt19937 random(7);
  std::string bytes(size, ' ');
  for (char& byte : bytes) byte = static_cast<char>(random());
  return bytes;
}

TEST_F(Mirrors, TriesTheMirrorsInTurn) {
  FakeServer broken([](const FakeRequest&, const FakePeer& peer) { peer.send(http_reply(503, "", {{"Retry-After", "40"}})); });
  tarball = broken.url("/x");
  mirrors = {broken.url("/y"), server.url("/t"), server.url("/z")};
  const auto error = fetch_it();
  ASSERT_FALSE(error) << error->error.message;
  EXPECT_EQ(broken.requests().size(), 2U);
  EXPECT_EQ(server.requests().size(), 2U) << "the checksum and the tarball of the third";

  mirrors.resize(1);
  const FetchError all = failure_of_staged();
  EXPECT_EQ(all.error.message, broken.url("/x/a-1.0.tar.gz.md5") + ": HTTP status 503; " + broken.url("/y/a-1.0.tar.gz.md5") +
                                   ": HTTP status 503");
  EXPECT_EQ(all.retry_after, std::chrono::seconds(40));
}

TEST_F(Mirrors, TriesAMirrorAfterOneWithOtherContent) {
  FakeServer stale([](const FakeRequest& request, const FakePeer& peer) {
    peer.send(http_reply(200, request.target.ends_with(".md5") ? md5_hex("new") : "old"));
  });
  tarball = stale.url("/x");
  mirrors = {server.url("/t")};
  const auto error = fetch_it();
  EXPECT_FALSE(error) << error->error.message;
}

TEST_F(Mirrors, ResumesALargePartAtTheMirrorThatHasSentIt) {
  const std::string bytes = tests::make_agent_tarball(kControl, {{"noise", noise(9 << 20)}});
  publish(bytes);
  size_t cut = bytes.size() - 100;
  FakeServer other([&](const FakeRequest& request, const FakePeer& peer) {
    if (request.target.ends_with(".md5")) return void(peer.send(http_reply(200, md5_hex(bytes))));
    const std::string reply = tests::ServedFile{bytes, "\"" + md5_hex(bytes) + "\"", ""}.reply_to(request);
    peer.send(reply.substr(0, std::min(cut, reply.size())));
  });
  tarball = server.url("/none");
  mirrors = {other.url("/x"), server.url("/t")};
  EXPECT_HAS(failure().error.message, server.url("/none/a-1.0.tar.gz.md5") + ": HTTP status 404");
  EXPECT_EQ(server.count(kTarball), 0U) << "the next mirror would start from zero";
  cut = bytes.size();
  const auto error = fetch_it();
  ASSERT_FALSE(error) << error->error.message;
  EXPECT_NE(other.requests().back().header("Range"), "");
  EXPECT_EQ(server.count("/none/a-1.0.tar.gz.md5"), 1U) << "the mirror with the part comes first";
}

TEST_F(Mirrors, ReplacesThePlaceOfTheFileNameAndShowsNoQuery) {
  const std::string bytes = tests::make_agent_tarball(kControl, {{"mark", "one"}});
  bool is_good = false;
  server.set_handler([&](const FakeRequest& request, const FakePeer& peer) {
    const bool is_md5 = request.target == "/get?name=a-1.0.tar.gz.md5&sig=abc%2Fdef123";
    const bool is_known = is_md5 || request.target == "/get?name=a-1.0.tar.gz&sig=abc%2Fdef123";
    if (!is_known || !is_good)
      return void(peer.send(http_reply(403, "<Message>sig abc/def123 of " + request.target + "</Message>")));
    peer.send(http_reply(200, is_md5 ? md5_hex(bytes) : bytes));
  });
  tarball = server.url("/get?name={file}&sig=abc%2Fdef123");
  EXPECT_EQ(failure().error.message, server.url("/get?…: HTTP status 403: sig *** of /get?…"));
  is_good = true;
  const auto error = fetch_it();
  EXPECT_FALSE(error) << error->error.message;
}

}  // namespace
}  // namespace ops::updater
