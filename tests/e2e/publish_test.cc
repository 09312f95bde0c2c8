// ./control publish beside the real ops-meta.

#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <thread>

#include "tests/support/boxes.h"
#include "tests/support/minisign.h"
#include "tests/support/tarball.h"
#include "tests/support/wait.h"
#include "updater/model/layout.h"
#include "updater/release/checksum.h"
#include "updater/release/signature.h"

namespace ops::tests {
namespace {

namespace fs = std::filesystem;

using Names = std::vector<std::string>;

std::string repeated(const std::string& text, size_t times) {
  std::string all;
  for (size_t i = 0; i < times; ++i) all += text;
  return all;
}

/// A header of the pax format, and the content behind it.
std::string tar_entry(const std::string& name, char type, const std::string& mode, const std::string& content) {
  std::string header(512, '\0');
  char size[12];
  std::snprintf(size, sizeof size, "%011zo", content.size());
  header.replace(0, name.size(), name);
  header.replace(100, mode.size(), mode);
  header.replace(124, 11, size);
  header[156] = type;
  header.replace(257, 8,
                 std::string("ustar\0"
                             "00",
                             8));
  header.replace(148, 8, 8, ' ');
  unsigned sum = 0;
  for (const char c : header) sum += static_cast<unsigned char>(c);
  std::snprintf(size, sizeof size, "%06o", sum);
  header.replace(148, 7, std::string(size, 7));
  return header + content + std::string((512 - content.size() % 512) % 512, '\0');
}

/// A release with a sparse file that has this map of its holes.
std::string sparse_tarball(const std::string& holes) {
  const TempDir scratch;
  write_file(scratch / "tar", tar_entry("control", '0', "0000755", "#!/bin/sh\n") +
                                  tar_entry("pax", 'x', "0000644",
                                            "22 GNU.sparse.major=1\n22 GNU.sparse.minor=0\n"
                                            "26 GNU.sparse.name=sparse\n25 GNU.sparse.realsize=1\n") +
                                  tar_entry("sparse", '0', "0000644", holes) + std::string(1024, '\0'));
  EXPECT_EQ(run({"gzip", "-n", "tar"}, scratch.path()).exit_code, 0);
  return read_file(scratch / "tar.gz");
}

struct Publish : testing::Test {
  Publish() {
    fs::copy_file(std::string(OPS_SOURCE_DIR) + "/control", box / "control");
    fs::copy_file(std::string(OPS_SOURCE_DIR) + "/meta/verbs.sh", box / "verbs.sh");
    write_file(box / "cfg.json", R"({"tarballDir": "./files", "http": {"listen": "127.0.0.1:0"},
      "agents": [{"default": {"name": "a", "version": "0.9", "tarball": "http://127.0.0.1:0/a", "cmd": "start"}}]})");
    write_file(release, good);
  }

  Finished publish(const std::vector<std::string>& arguments, const std::string& from = "/") const {
    std::vector<std::string> command = {box / "control", "publish"};
    command.insert(command.end(), arguments.begin(), arguments.end());
    return run(command, from);
  }

  /// Exits 1, says so, and leaves nothing behind.
  void expect_refusal(const std::string& tarball, const std::string& why) const {
    write_file(release, tarball);
    const Finished finished = publish({"a", "1.0", release});
    EXPECT_EQ(finished.exit_code, 1) << finished.output;
    EXPECT_NE(finished.output.find(why), std::string::npos) << finished.output;
    EXPECT_TRUE(finished.output.ends_with(release + " is not published\n")) << finished.output;
    EXPECT_EQ(list(folder), Names{});
  }

  Box box{"ops-meta"};
  TempDir place;
  const std::string release = place / "whatever it is called";
  const std::string good = demo_agent_tarball();
  const std::string folder = box / "files/a";
  const std::string published = folder + "/a-1.0.tar.gz";
};

TEST_F(Publish, PutsATarballAndItsChecksumWhereTheyAreServed) {
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

TEST_F(Publish, TakesAVersionWithATilde) {
  const Finished finished = publish({"a", "1.0~rc1", release});
  EXPECT_EQ(finished.exit_code, 0) << finished.output;
  EXPECT_EQ(list(folder), (Names{"a-1.0~rc1.tar.gz", "a-1.0~rc1.tar.gz.md5"}));
  EXPECT_EQ(publish({"a~b", "1.0", release}).exit_code, 2) << "an agent's name holds none";
  ASSERT_TRUE(box.start());
  for (const std::string target : {"/a/a-1.0~rc1.tar.gz", "/a/a-1.0%7Erc1.tar.gz"}) {
    EXPECT_EQ(get(box.port(), target).body, good) << target;
  }
}

TEST_F(Publish, WritesFilesToCopyForAUrlElsewhere) {
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

TEST_F(Publish, SignsSoThatMinisignAndUpdatersTakeIt) {
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

TEST_F(Publish, PublishesNothingThatItCannotSign) {
  write_file(place / "key", "no key");
  const Finished finished = publish({"a", "1.0", release, "-s", place / "key"});
  EXPECT_EQ(finished.exit_code, 1);
  EXPECT_NE(finished.output.find("minisign cannot sign with "), std::string::npos) << finished.output;
  EXPECT_EQ(list(folder), Names{});
}

TEST_F(Publish, TakesTheSameContentAgainAndNoOther) {
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

TEST_F(Publish, MendsWhatACrashOrAHandLeft) {
  write_file(published + ".md5", "of something else");
  write_file(published + ".minisig", "of something else");
  ASSERT_EQ(publish({"a", "1.0", release}).exit_code, 0);
  EXPECT_EQ(list(folder), (Names{"a-1.0.tar.gz", "a-1.0.tar.gz.md5"}));
  fs::remove(published + ".md5");
  ASSERT_EQ(publish({"a", "1.0", release}).exit_code, 0);
  EXPECT_EQ(read_file(published + ".md5"), md5_hex(good) + "  a-1.0.tar.gz\n");
}

TEST_F(Publish, RefusesWhatNoHostWouldTakeAndNamesTheMistake) {
  using Kind = Entry::Kind;
  const Entry control{"./control", "#!/bin/sh\n", 0755, Kind::file};
  const auto with = [&](const Entry& entry) { return make_tarball({control, entry}); };
  expect_refusal("", "it is empty, 0 bytes");
  expect_refusal("no tarball", "it is not a .tar.gz: pack it with tar -czf");
  expect_refusal("PK\x03\x04", "it is a .zip file, not a .tar.gz");
  expect_refusal(good.substr(0, good.size() / 2), "it is truncated: its gzip data ends early; copy it again");
  expect_refusal(make_tarball({{"a/control", "", 0755, Kind::file}}), "control is too deep, at a/control");
  expect_refusal(make_tarball({{"control", "", 0644, Kind::file}}), "control is not executable: chmod +x control");
  expect_refusal(make_tarball({{"control", "#!/bin/sh\r\n", 0755, Kind::file}}), "control has Windows line ends (CRLF)");
  expect_refusal(with({"b/../../x", "", 0644, Kind::file}), "its entry \"b/../../x\" has a name that leads out of the folder");
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)  // which want terabytes of addresses
TEST_F(Publish, ChecksAnyTarballWithin64MegabytesOfMemory) {
  std::vector<Entry> deep = {{"control", "#!/bin/sh\n", 0755, Entry::Kind::file}};
  std::vector<Entry> many = deep;
  std::string below;
  for (int i = 0; i < 64; ++i) below += "/d";
  for (int i = 0; i < 1400; ++i) deep.push_back({std::to_string(i) + below, "", 0644, Entry::Kind::file});
  for (int i = 0; i < 99'000; ++i) many.push_back({std::to_string(i) + std::string(240, 'n'), "", 0644, Entry::Kind::file});
  const std::string holes = "1000000\n" + repeated("0\n0\n", 1'000'000);  // GNU tar's format 1.0 for a file's holes
  for (const auto& [bytes, verdict] :
       {std::pair(make_tarball(deep), ""), {make_tarball(many), ""}, {sparse_tarball(holes), "headers take more than"}}) {
    write_file(release, bytes);
    const Finished finished =
        run({"prlimit", "--data=" + std::to_string(64 << 20), box / "ops-meta", "--check-release", release});
    EXPECT_EQ(finished.exit_code, *verdict == '\0' ? 0 : 1) << finished.output;
    EXPECT_NE(finished.output.find(verdict), std::string::npos) << finished.output;
  }
}
#endif

TEST_F(Publish, WarnsOfWhatThePackerMayNotHaveMeant) {
  write_file(release, make_agent_tarball("#!/bin/nosuch\n", {{".DS_Store", ""}, {"__MACOSX/x", ""}}));
  const Finished finished = publish({"a", "1.0", release});
  EXPECT_EQ(finished.exit_code, 0) << finished.output;
  EXPECT_TRUE(finished.output.starts_with(
      "warning: macOS added files that hosts do not need: .DS_Store, __MACOSX/x\n"
      "warning: the first line of control names /bin/nosuch, which this machine does not have; hosts need it\n"
      "a 1.0 is published: "))
      << finished.output;
}

TEST_F(Publish, SaysThatTheConfigDoesNotNameTheAgentAndPrintsItsEntry) {
  const Finished finished = publish({"b", "1.0", release});
  EXPECT_EQ(finished.exit_code, 0) << finished.output;
  EXPECT_NE(finished.output.find("cfg.json has no agent b, so no host runs it."), std::string::npos) << finished.output;
  EXPECT_NE(finished.output.find(R"({"default": {"name": "b", "version": "1.0", "tarball": "http://127.0.0.1:0/b")"),
            std::string::npos)
      << finished.output;
}

TEST_F(Publish, RefusesNamesThatAreNone) {
  for (const Names& arguments : {Names{"../a", "1.0", release}, {"a", "1 0", release}, {"a", ".1", release}, {"a", "1.0"}}) {
    EXPECT_EQ(publish(arguments).exit_code, 2) << arguments[0] << " " << arguments[1];
  }
  EXPECT_TRUE(publish({"a", "1.0", place / "nothing"}).output.starts_with("cannot read " + (place / "nothing") + ": "));
  EXPECT_FALSE(exists(box / "files"));
}

// As bsdtar on a Mac writes, and GNU tar remarks upon.
TEST_F(Publish, TakesWhatAnotherTarWroteWithKeywordsOfItsOwn) {
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

// As Active Directory names groups.
TEST_F(Publish, TakesFilesOfAGroupWithABlankInItsName) {
  std::filesystem::create_directories(place / "agent");
  write_file(place / "agent/control", "#!/bin/sh\n");
  fs::permissions(place / "agent/control", fs::perms::owner_all);
  const Finished packed = run({"tar", "-C", "agent", "--group=domain users:1000", "-czf", release, "."}, place.path());
  ASSERT_EQ(packed.exit_code, 0) << packed.output;
  const Finished finished = publish({"a", "1.0", release});
  EXPECT_EQ(finished.exit_code, 0) << finished.output;
}

// As hosts judge them (updater/model/layout.h).
TEST_F(Publish, SignsNothingWhoseNameReadsInTwoWays) {
  const Minisign signer;
  for (const auto& [agent, version] : {std::pair("a-2", "1.0"), {"a-v2", "1.0"}, {"a", "b-1.0"}, {"a", "rc-x"}}) {
    const Finished finished = publish({agent, version, release, "-s", signer.secret_key_file()});
    EXPECT_EQ(finished.exit_code, 1) << finished.output;
    EXPECT_NE(finished.output.find("is ambiguous: it may mean another agent"), std::string::npos) << finished.output;
    EXPECT_NE(updater::parse_tarball_name(std::string(agent) + "-" + version + ".tar.gz"),
              (updater::ReleaseName{agent, version}));
  }
  for (const auto& [agent, version] : {std::pair("a-b", "v1.0-rc.1"), {"a", "1.0-2-x"}, {"a-b2", "latest"}, {"a", "v"}}) {
    const Finished finished = publish({agent, version, release, "-s", signer.secret_key_file()});
    EXPECT_EQ(finished.exit_code, 0) << finished.output;
    EXPECT_EQ(updater::parse_tarball_name(std::string(agent) + "-" + version + ".tar.gz"),
              (updater::ReleaseName{agent, version}));
  }
  EXPECT_EQ(publish({"a-2", "1.0", release}).exit_code, 0) << "without a signature it is a name as any other";
}

TEST_F(Publish, RefusesAFolderThatOpsMetaWouldNotServe) {
  fs::create_directories(box / "files");
  fs::create_directory_symlink(place.path(), folder);
  const Finished finished = publish({"a", "1.0", release});
  EXPECT_EQ(finished.exit_code, 1) << finished.output;
  EXPECT_NE(finished.output.find(folder + " leads out of tarballDir by a link"), std::string::npos) << finished.output;
}

TEST_F(Publish, RemovesWhatAKilledOneLeft) {
  fs::create_directories(folder + "/.publish.abc123");
  EXPECT_EQ(publish({"a", "1.0", release}).exit_code, 0);
  EXPECT_EQ(list(folder), (Names{"a-1.0.tar.gz", "a-1.0.tar.gz.md5"}));
}

TEST_F(Publish, FindsAFileWhereItsCallerStands) {
  write_file(place / "b.tgz", good);
  EXPECT_EQ(publish({"a", "1.0", "b.tgz"}, place.path()).exit_code, 0);
  EXPECT_EQ(read_file(published), good);
}

TEST_F(Publish, NeverShowsATarballWithoutWhatBelongsToIt) {
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
