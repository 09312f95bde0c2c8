#include "updater/release/install.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>

#include "tests/support/minisign.h"
#include "tests/support/small_disk.h"
#include "tests/support/wait.h"
#include "tests/updater/release/install_fixture.h"

namespace ops::updater {
namespace {

using tests::Entry;

TEST_F(Install, FetchesAReleaseAndMarksItComplete) {
  const auto error = fetch_it();
  ASSERT_FALSE(error) << error->error.message;
  const std::string staged = layout.staged("a", "1.0");
  EXPECT_EQ(tests::list(staged), (std::vector<std::string>{".installed", "control", "mark"}));
  EXPECT_EQ(tests::read_file(staged + "/.installed"), md5_hex(tests::make_agent_tarball(kControl, {{"mark", "one"}})) + "\n");
  EXPECT_EQ(tests::list(layout.agent("a")), std::vector<std::string>{".staged-1.0"}) << "the download is removed";
  EXPECT_EQ(phases, (std::vector<Phase>{Phase::downloading, Phase::verifying, Phase::unpacking}));
}

TEST_F(Install, RequestsNoChecksumFileWhenTheChecksumIsGiven) {
  md5 = md5_hex(tests::make_agent_tarball(kControl, {{"mark", "one"}}));
  const auto error = fetch_it();
  ASSERT_FALSE(error) << error->error.message;
  EXPECT_EQ(server.count(kChecksum), 0U);
}

TEST_F(Install, ReportsAWrongChecksumAndStartsOverNextTime) {
  md5 = "0cc175b9c0f1b6a831c399e269772661";
  const FetchError error = failure();
  EXPECT_FALSE(error.lasting) << "the transfer may have changed it";
  EXPECT_EQ(error.checksum, md5);
  EXPECT_HAS(error.error.message, "checksum of " + server.url(kTarball) + " is ");
  EXPECT_HAS(error.error.message, ", expected " + md5);
  EXPECT_EQ(tests::list(layout.agent("a")), std::vector<std::string>{});
  failure();
  EXPECT_EQ(server.requests().back().header("Range"), "");
}

TEST_F(Install, FetchesNothingWithoutAChecksum) {
  for (const std::string& md5sum : {std::string(), std::string("<html>login</html>"), std::string(100'000, 'x')}) {
    publish("bytes", md5sum);
    const FetchError error = failure();
    EXPECT_FALSE(error.lasting);
    EXPECT_HAS(error.error.message, server.url(kChecksum) + ": ");
  }
  EXPECT_EQ(server.count(kTarball), 0U);
}

TEST_F(Install, ReportsTheRetryAfterOfABusyServer) {
  const std::string busy = http_reply(503, "", {{"Retry-After", "40"}});
  server.set_handler([busy](const FakeRequest&, const FakePeer& peer) { peer.send(busy); });
  FetchError error = failure();
  EXPECT_EQ(error.retry_after, std::chrono::seconds(40));
  EXPECT_EQ(error.error.message, server.url(kChecksum) + ": HTTP status 503");
  md5 = "0cc175b9c0f1b6a831c399e269772661";
  error = failure();
  EXPECT_EQ(error.retry_after, std::chrono::seconds(40));
  EXPECT_HAS(error.error.message, server.url(kTarball) + ": HTTP status 503");
}

TEST_F(Install, TriesAgainAfterAMissingTarball) {
  server.set_handler([](const FakeRequest& request, const FakePeer& peer) {
    peer.send(request.target == kChecksum ? http_reply(200, "0cc175b9c0f1b6a831c399e269772661") : http_reply(404, ""));
  });
  const FetchError error = failure();
  EXPECT_FALSE(error.lasting);
  EXPECT_EQ(error.error.message, server.url(kTarball) + ": HTTP status 404");
}

TEST_F(Install, ReportsABadReleaseAsLastingAndRemovesIt) {
  const Entry control{"control", kControl, 0755, Entry::Kind::file};
  const std::string bad[] = {
      "not gzip at all",
      tests::make_tarball({control, {"../x", "evil", 0644, Entry::Kind::file}}),
      tests::make_tarball({{"agent", "x", 0755, Entry::Kind::file}}),
      tests::make_tarball({{"control", kControl, 0644, Entry::Kind::file}}),
      tests::make_tarball({control, {".installed", "0cc175b9c0f1b6a831c399e269772661", 0644, Entry::Kind::file}}),
  };
  for (const std::string& bytes : bad) {
    publish(bytes);
    const FetchError error = failure();
    EXPECT_TRUE(error.lasting) << error.error.message;
    EXPECT_EQ(error.checksum, md5_hex(bytes));
    EXPECT_TRUE(error.error.message.starts_with("a-1.0.tar.gz: ")) << error.error.message;
    EXPECT_EQ(tests::list(layout.agent("a")), std::vector<std::string>{});
    EXPECT_EQ(tests::list(root.path()), std::vector<std::string>{"a"});
  }
}

TEST_F(Install, ResumesADownload) {
  const std::string bytes = tests::make_agent_tarball(kControl, {{"mark", "one"}});
  server.set_handler([bytes](const FakeRequest& request, const FakePeer& peer) {
    if (request.target == kChecksum) peer.send(http_reply(200, md5_hex(bytes)));
    const std::string reply = tests::ServedFile{bytes, "\"" + md5_hex(bytes) + "\"", ""}.reply_to(request);
    if (request.target == kTarball) peer.send(reply.substr(0, reply.size() - 10));
  });
  EXPECT_FALSE(failure().lasting);
  publish(bytes);
  const auto error = fetch_it();
  ASSERT_FALSE(error) << error->error.message;
  EXPECT_EQ(server.requests().back().header("Range"), "bytes=" + std::to_string(bytes.size() - 10) + "-");
}

TEST_F(Install, ReplacesAHalfUnpackedRelease) {
  const std::string staged = layout.staged("a", "1.0");
  tests::write_file(staged + "/stale", "stale");
  tests::write_file(staged + "/.installed", "stale");
  const auto error = fetch_it();
  ASSERT_FALSE(error) << error->error.message;
  EXPECT_FALSE(tests::exists(staged + "/stale"));
}

TEST_F(Install, ChangesNoInstalledVersion) {
  tests::write_file(layout.version("a", "1.0") + "/control", "precious", 0755);
  tests::write_file(layout.version_file("a"), "1.0");
  ASSERT_FALSE(fetch_it());
  EXPECT_EQ(tests::read_file(layout.version("a", "1.0") + "/control"), "precious");
  EXPECT_EQ(tests::read_file(layout.version_file("a")), "1.0");
}

TEST_F(Install, TriesAgainAfterAFullDisk) {
  const tests::SmallDisk disk(1);
  layout = Layout(disk.path());
  publish(tests::make_agent_tarball(kControl, {{"zeros", std::string(4 << 20, '\0')}}));
  limits.download.reserve = uint64_t{1} << 60;
  FetchError error = failure();
  EXPECT_FALSE(error.lasting);
  EXPECT_HAS(error.error.message, server.url(kTarball) + ": not enough disk space");

  limits.download.reserve = 0;
  if (!disk.is_small()) limits.unpack.reserve = uint64_t{1} << 60;
  error = failure();
  EXPECT_FALSE(error.lasting);
  EXPECT_HAS(error.error.message, "a-1.0.tar.gz: not enough disk space");
}

TEST_F(Install, TriesAgainAfterAFileInPlaceOfTheFolder) {
  tests::write_file(layout.agent("a"), "not a folder");
  const FetchError error = failure();
  EXPECT_FALSE(error.lasting);
  EXPECT_HAS(error.error.message, layout.agent("a"));
}

TEST_F(Install, LeavesNoReleaseWhenCancelled) {
  server.set_handler([](const FakeRequest&, const FakePeer& peer) { peer.stall(); });
  std::jthread cancels([&] {
    tests::eventually([&] { return !server.requests().empty(); });
    cancel.request_stop();
  });
  mirrors = {server.url("/mirror")};
  const FetchError error = failure();
  EXPECT_FALSE(error.lasting);
  EXPECT_HAS(error.error.message, "was cancelled");
  EXPECT_EQ(server.requests().size(), 1U) << "a cancelled fetch tries no mirror";
}

TEST_F(Install, RepeatsTheReasonOfTheServerOnOneLine) {
  const auto refusal_with = [&](const std::string& body, const std::string& md5sum) {
    server.set_handler([=](const FakeRequest& request, const FakePeer& peer) {
      peer.send(request.target == kChecksum && !md5sum.empty() ? http_reply(200, md5sum) : http_reply(403, body));
    });
    return failure().error.message;
  };
  const std::string s3 =
      "<?xml version=\"1.0\"?>\n<Error><Code>AccessDenied</Code><Message>Request has\n "
      "expired</Message><RequestId>7f</RequestId>"
      "</Error>";
  const std::string nginx = "<html>\r\n<head><title>403 Forbidden</title></head>\r\n<body>nginx</body></html>\r\n";
  for (const std::string& md5sum : {std::string(), md5_hex("x")}) {
    const std::string url = server.url(md5sum.empty() ? kChecksum : kTarball);
    EXPECT_EQ(refusal_with(s3, md5sum), url + ": HTTP status 403: Request has expired");
    EXPECT_EQ(refusal_with(nginx, md5sum), url + ": HTTP status 403: 403 Forbidden");
    EXPECT_EQ(refusal_with("no <b>such</b> file", md5sum), url + ": HTTP status 403: no such file");
    EXPECT_EQ(refusal_with("", md5sum), url + ": HTTP status 403");
  }
}

TEST_F(Install, RemovesTheMarkOfAReleaseFirst) {
  const std::string release = layout.version("a", "1.0");
  tests::write_file(release + "/.installed", "x");
  tests::write_file(release + "/control", kControl, 0755);
  EXPECT_TRUE(remove_release(release));
  EXPECT_FALSE(tests::exists(release));
  EXPECT_TRUE(remove_release(release)) << "a release that does not exist is no error";
  tests::write_file(release, "a file");
  EXPECT_TRUE(remove_release(release));
  EXPECT_FALSE(tests::exists(release));
}

/// A release, and its two signers.
struct SignedInstall : Install {
  SignedInstall() { keys = {*parse_public_key(owner.public_key())}; }

  std::string sign(const tests::Minisign& signer, const std::string& content, const std::string& name = "a-1.0.tar.gz") const {
    tests::write_file(files / name, content);
    return signer.sign(files / name);
  }
  void publish_signed(const std::string& content, const std::string& minisig) { publish(content, md5_hex(content), minisig); }

  tests::TempDir files;
  tests::Minisign owner;
  std::string bytes = tests::make_agent_tarball(kControl, {{"mark", "one"}});
};

TEST_F(SignedInstall, AcceptsAReleaseSignedByTheOwner) {
  publish_signed(bytes, sign(owner, bytes));
  const auto error = fetch_it();
  ASSERT_FALSE(error) << error->error.message;
  EXPECT_TRUE(tests::exists(layout.staged("a", "1.0") + "/.installed"));
}

TEST_F(SignedInstall, PreservesModesOfSignedReleasesOnly) {
  bytes = tests::make_tarball(
      {{"control", kControl, 0755, tests::Entry::Kind::file}, {"ping", "x", 04755, tests::Entry::Kind::file}});
  preserve = ::geteuid() == 0;  // the entries belong to root, and only root may give files away
  publish_signed(bytes, sign(owner, bytes));
  const auto error = fetch_it();
  ASSERT_FALSE(error) << error->error.message;
  EXPECT_EQ(std::filesystem::status(layout.staged("a", "1.0") + "/ping").permissions(),
            std::filesystem::perms(preserve ? 04755 : 0755));

  ASSERT_TRUE(remove_release(layout.staged("a", "1.0")));
  keys.clear();
  preserve = true;
  EXPECT_HAS(failure().error.message, "set-uid bits or capabilities are taken from signed releases only; set publicKeys");
}

TEST_F(SignedInstall, FetchesNothingWithoutASignature) {
  const FetchError error = failure();
  EXPECT_FALSE(error.lasting) << "it may be published later";
  EXPECT_EQ(error.error.message, "this host takes only signed releases, and the signature cannot be fetched: " +
                                     server.url(kSignature) + ": HTTP status 404: not here");
  EXPECT_EQ(server.count(kTarball), 0U);
}

TEST_F(SignedInstall, FetchesNothingThatAnotherKeySigned) {
  const tests::Minisign thief;
  publish_signed(bytes, sign(thief, bytes));
  EXPECT_EQ(failure().error.message,
            server.url(kSignature) + " is signed by key " + thief.key_id() + ", expected " + owner.key_id());
  publish_signed(bytes, sign(owner, bytes, "b-1.0.tar.gz"));
  EXPECT_HAS(failure().error.message, "is signed for another file");
  EXPECT_EQ(server.count(kTarball), 0U);
}

TEST_F(SignedInstall, UnpacksNoTarballThatWasChangedAfterItWasSigned) {
  publish_signed(tests::make_agent_tarball(kControl, {{"mark", "evil"}}), sign(owner, bytes));
  const FetchError error = failure();
  EXPECT_FALSE(error.lasting);
  EXPECT_EQ(error.error.message, server.url(kTarball) + " is not the file that key " + owner.key_id() + " signed");
  EXPECT_EQ(tests::list(layout.agent("a")), std::vector<std::string>{}) << "the tarball is removed";
  EXPECT_EQ(phases, (std::vector<Phase>{Phase::downloading, Phase::verifying}));
}

}  // namespace
}  // namespace ops::updater
