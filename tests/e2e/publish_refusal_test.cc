// Tarballs, names and folders that ./control publish refuses or warns about.

#include "tests/e2e/publish_fixture.h"
#include "updater/model/layout.h"

namespace ops::tests {
namespace {

/// A tar entry with a POSIX header and its content.
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

/// A release with a sparse file that has this map of holes.
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

TEST_F(Publish, PublishesNothingThatItCannotSign) {
  write_file(place / "key", "no key");
  const Finished finished = publish({"a", "1.0", release, "-s", place / "key"});
  EXPECT_EQ(finished.exit_code, 1);
  EXPECT_NE(finished.output.find("minisign cannot sign with "), std::string::npos) << finished.output;
  EXPECT_EQ(list(folder), Names{});
}

TEST_F(Publish, RefusesTarballsThatHostsWouldRefuseAndNamesTheFault) {
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

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)  // sanitizers need terabytes of address space
TEST_F(Publish, ChecksAnyTarballWithin64MegabytesOfMemory) {
  std::vector<Entry> deep = {{"control", "#!/bin/sh\n", 0755, Entry::Kind::file}};
  std::vector<Entry> many = deep;
  std::string below;
  for (int i = 0; i < 64; ++i) below += "/d";
  for (int i = 0; i < 1400; ++i) deep.push_back({std::to_string(i) + below, "", 0644, Entry::Kind::file});
  for (int i = 0; i < 99'000; ++i) many.push_back({std::to_string(i) + std::string(240, 'n'), "", 0644, Entry::Kind::file});
  const std::string holes = "1000000\n" + repeated("0\n0\n", 1'000'000);  // the map of holes in GNU tar's sparse format 1.0
  for (const auto& [bytes, verdict] :
       {std::pair(make_tarball(deep), ""), {make_tarball(many), ""}, {sparse_tarball(holes), "bytes of headers"}}) {
    write_file(release, bytes);
    const Finished finished =
        run({"prlimit", "--data=" + std::to_string(64 << 20), box / "ops-meta", "--check-release", release});
    EXPECT_EQ(finished.exit_code, *verdict == '\0' ? 0 : 1) << finished.output;
    EXPECT_NE(finished.output.find(verdict), std::string::npos) << finished.output;
  }
}
#endif

TEST_F(Publish, WarnsAboutLikelyPackagingMistakes) {
  write_file(release, make_agent_tarball("#!/bin/nosuch\n", {{".DS_Store", ""}, {"__MACOSX/x", ""}}));
  const Finished finished = publish({"a", "1.0", release});
  EXPECT_EQ(finished.exit_code, 0) << finished.output;
  EXPECT_TRUE(finished.output.starts_with(
      "warning: macOS added files that hosts do not need: .DS_Store, __MACOSX/x\n"
      "warning: the first line of control names /bin/nosuch, which this machine does not have; hosts need it\n"
      "a 1.0 is published: "))
      << finished.output;
}

TEST_F(Publish, RefusesInvalidNames) {
  for (const Names& arguments : {Names{"../a", "1.0", release}, {"a", "1 0", release}, {"a", ".1", release}, {"a", "1.0"}}) {
    EXPECT_EQ(publish(arguments).exit_code, 2) << arguments[0] << " " << arguments[1];
  }
  EXPECT_TRUE(publish({"a", "1.0", place / "nothing"}).output.starts_with("cannot read " + (place / "nothing") + ": "));
  EXPECT_FALSE(exists(box / "files"));
}

// Hosts refuse the signature of an ambiguous file name (updater/model/layout.h).
TEST_F(Publish, DoesNotSignAnAmbiguousFileName) {
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
  EXPECT_EQ(publish({"a-2", "1.0", release}).exit_code, 0) << "without a signature the name is valid";
}

TEST_F(Publish, RefusesAFolderThatOpsMetaWouldNotServe) {
  fs::create_directories(box / "files");
  fs::create_directory_symlink(place.path(), folder);
  const Finished finished = publish({"a", "1.0", release});
  EXPECT_EQ(finished.exit_code, 1) << finished.output;
  EXPECT_NE(finished.output.find(folder + " leads out of tarballDir by a link"), std::string::npos) << finished.output;
}

}  // namespace
}  // namespace ops::tests
