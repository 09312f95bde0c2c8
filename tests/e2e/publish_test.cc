// ./control publish with the real ops-meta.

#include <atomic>
#include <thread>

#include "tests/e2e/publish_fixture.h"
#include "updater/release/checksum.h"
#include "updater/release/signature.h"

namespace ops::tests {
namespace {

TEST_F(Publish, PutsATarballAndItsChecksumWhereOpsMetaServesThem) {
  const Finished finished = publish({"a", "1.0", release});
  EXPECT_EQ(finished.exit_code, 0) << finished.output;
  EXPECT_EQ(finished.output, "a 1.0 is published: " + published +
                                 "\nSet this in cfg.json and run ./control reload:\n"
                                 "    \"version\": \"1.0\", \"tarball\": \"http://127.0.0.1:0/a\"\n");
  EXPECT_EQ(list(folder), (Names{"a-1.0.tar.gz", "a-1.0.tar.gz.md5"}));
  EXPECT_EQ(read_file(published), good);
  EXPECT_EQ(read_file(published + ".md5"), md5_hex(good) + "  a-1.0.tar.gz\n");
  ASSERT_TRUE(box.start());
  EXPECT_EQ(get(box.port(), "/a/a-1.0.tar.gz").body, good);
}

TEST_F(Publish, AcceptsAVersionWithATilde) {
  const Finished finished = publish({"a", "1.0~rc1", release});
  EXPECT_EQ(finished.exit_code, 0) << finished.output;
  EXPECT_EQ(list(folder), (Names{"a-1.0~rc1.tar.gz", "a-1.0~rc1.tar.gz.md5"}));
  EXPECT_EQ(publish({"a~b", "1.0", release}).exit_code, 2) << "an agent's name may not contain a tilde";
  ASSERT_TRUE(box.start());
  for (const std::string target : {"/a/a-1.0~rc1.tar.gz", "/a/a-1.0%7Erc1.tar.gz"}) {
    EXPECT_EQ(get(box.port(), target).body, good) << target;
  }
}

TEST_F(Publish, WritesFilesToCopyForAnotherTarballServer) {
  write_file(box / "cfg.json", R"({"tarballDir": "./files", "http": {"listen": ":0"}, "agents": [{"default":
    {"name": "a", "version": "0.9", "tarball": "http://192.0.2.1/agents/x", "md5": "http://192.0.2.1/sums", "cmd": "start"}}]})");
  const Finished finished = publish({"a", "1.0", release});
  EXPECT_EQ(finished.exit_code, 0) << finished.output;
  const std::string file = box / "files/agents/x/a-1.0.tar.gz";
  const std::string sum = box / "files/sums/a-1.0.tar.gz.md5";
  EXPECT_TRUE(finished.output.starts_with("a 1.0 is written: " + file + "\nCopy this file to http://192.0.2.1/agents/x, from "))
      << finished.output;
  EXPECT_NE(finished.output.find("\n    " + sum + "\n"), std::string::npos) << finished.output;
  EXPECT_EQ(read_file(file), good);
  EXPECT_EQ(read_file(sum), md5_hex(good) + "  a-1.0.tar.gz\n");
}

TEST_F(Publish, MakesSignaturesThatMinisignAndUpdatersAccept) {
  const Minisign signer;
  const Finished finished = publish({"a", "1.0", release, "-s", signer.secret_key_file()});
  EXPECT_EQ(finished.exit_code, 0) << finished.output;
  EXPECT_TRUE(finished.output.starts_with("a 1.0 is published, signed: ")) << finished.output;
  EXPECT_EQ(list(folder), (Names{"a-1.0.tar.gz", "a-1.0.tar.gz.md5", "a-1.0.tar.gz.minisig"}));
  EXPECT_TRUE(signer.accepts(published));
  const auto signature = updater::parse_signature(read_file(published + ".minisig"), "a-1.0.tar.gz",
                                                  {*updater::parse_public_key(signer.public_key())});
  ASSERT_TRUE(signature) << signature.error().message;
  EXPECT_TRUE(signature->covers(*updater::blake2b_of_file(published, {})));
}

TEST_F(Publish, AcceptsTheSameContentAgainAndRefusesOtherContent) {
  ASSERT_EQ(publish({"a", "1.0", release}).exit_code, 0);
  const Finished again = publish({"a", "1.0", release});
  EXPECT_EQ(again.exit_code, 0);
  EXPECT_TRUE(again.output.starts_with("a 1.0 was already published with this content: ")) << again.output;

  write_file(release, demo_agent_tarball("another"));
  const Finished other = publish({"a", "1.0", release});
  EXPECT_EQ(other.exit_code, 1);
  EXPECT_EQ(other.output, "a 1.0 is already published with other content, which hosts may have: use another version\n");
  EXPECT_EQ(read_file(published), good);
  EXPECT_EQ(list(folder), (Names{"a-1.0.tar.gz", "a-1.0.tar.gz.md5"}));
}

TEST_F(Publish, ReplacesWrongAndMissingSideFiles) {
  write_file(published + ".md5", "of something else");
  write_file(published + ".minisig", "of something else");
  ASSERT_EQ(publish({"a", "1.0", release}).exit_code, 0);
  EXPECT_EQ(list(folder), (Names{"a-1.0.tar.gz", "a-1.0.tar.gz.md5"}));
  fs::remove(published + ".md5");
  ASSERT_EQ(publish({"a", "1.0", release}).exit_code, 0);
  EXPECT_EQ(read_file(published + ".md5"), md5_hex(good) + "  a-1.0.tar.gz\n");
}

TEST_F(Publish, PrintsAConfigEntryForAnAgentThatTheConfigDoesNotName) {
  const Finished finished = publish({"b", "1.0", release});
  EXPECT_EQ(finished.exit_code, 0) << finished.output;
  EXPECT_NE(finished.output.find("cfg.json has no agent b, so no host runs it."), std::string::npos) << finished.output;
  EXPECT_NE(finished.output.find(R"({"default": {"name": "b", "version": "1.0", "tarball": "http://127.0.0.1:0/b")"),
            std::string::npos)
      << finished.output;
}

// bsdtar on macOS writes such keywords, and GNU tar warns about them.
TEST_F(Publish, AcceptsATarballWithUnknownPaxKeywords) {
  std::filesystem::create_directories(place / "agent");
  write_file(place / "agent/control", "#!/bin/sh\n");
  fs::permissions(place / "agent/control", fs::perms::owner_all);
  const Finished packed = run({"sh", "-ec",
                               "tar -C agent --format=pax --pax-option=comment:=x -cf x.tar .\n"
                               "sed -i s/comment=x/strange=x/ x.tar\n"
                               "gzip -c x.tar >\"$0\"\n"
                               "tar -tzf \"$0\"",
                               release},
                              place.path());
  ASSERT_NE(packed.output.find("keyword 'strange'"), std::string::npos) << packed.output;
  const Finished finished = publish({"a", "1.0", release});
  EXPECT_EQ(finished.exit_code, 0) << finished.output;
}

// Active Directory has such group names.
TEST_F(Publish, AcceptsFilesOfAGroupWithABlankInItsName) {
  std::filesystem::create_directories(place / "agent");
  write_file(place / "agent/control", "#!/bin/sh\n");
  fs::permissions(place / "agent/control", fs::perms::owner_all);
  const Finished packed = run({"tar", "-C", "agent", "--group=domain users:1000", "-czf", release, "."}, place.path());
  ASSERT_EQ(packed.exit_code, 0) << packed.output;
  const Finished finished = publish({"a", "1.0", release});
  EXPECT_EQ(finished.exit_code, 0) << finished.output;
}

TEST_F(Publish, RemovesTheFilesOfAKilledPublish) {
  fs::create_directories(folder + "/.publish.abc123");
  EXPECT_EQ(publish({"a", "1.0", release}).exit_code, 0);
  EXPECT_EQ(list(folder), (Names{"a-1.0.tar.gz", "a-1.0.tar.gz.md5"}));
}

TEST_F(Publish, FindsAFileRelativeToTheCallersFolder) {
  write_file(place / "b.tgz", good);
  EXPECT_EQ(publish({"a", "1.0", "b.tgz"}, place.path()).exit_code, 0);
  EXPECT_EQ(read_file(published), good);
}

TEST_F(Publish, NeverShowsATarballWithoutItsChecksumAndSignature) {
  const Minisign signer;
  constexpr int kVersions = 15;
  std::atomic<bool> over = false;
  std::atomic<int> seen = 0;
  std::thread reader([&] {
    for (int version = 0; version < kVersions && !over;) {
      const std::string file = folder + "/a-" + std::to_string(version) + ".tar.gz";
      if (!exists(file)) continue;
      EXPECT_TRUE(exists(file + ".md5") && exists(file + ".minisig")) << version;
      EXPECT_EQ(read_file(file), good) << version;
      seen = ++version;
    }
  });
  for (int version = 0; version < kVersions; ++version) {
    EXPECT_EQ(publish({"a", std::to_string(version), release, "-s", signer.secret_key_file()}).exit_code, 0);
  }
  EXPECT_TRUE(eventually([&] { return seen == kVersions; }));
  over = true;
  reader.join();
}

}  // namespace
}  // namespace ops::tests
