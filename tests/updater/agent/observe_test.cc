#include "updater/agent/observe.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/temp_dir.h"

namespace ops::updater {
namespace {

using Names = std::vector<std::string>;
using tests::write_file;

constexpr char kStarted[] = "#!/bin/sh\necho started\n";
constexpr char kDigest[] = "0cc175b9c0f1b6a831c399e269772661";

/// A host's folder with agent a in version 1.0, whose status is started.
struct Observe : testing::Test {
  Observe() {
    write_file(layout.version_file("a"), "1.0\n");
    add_release("1.0", kStarted);
  }

  void add_release(const std::string& version, const std::string& control) const {
    write_file(layout.version("a", version) + "/control", control, 0755);
    write_file(layout.version("a", version) + "/.installed", std::string(kDigest) + "\n");
  }

  Observed look() const { return observe_agent(layout, "a", {}).value(); }

  tests::TempDir root;
  Layout layout{root.path()};
};

TEST_F(Observe, ReadsTheVersionTheStatusAndTheChecksum) {
  const Observed seen = look();
  EXPECT_EQ(seen.name, "a");
  EXPECT_EQ(seen.version, "1.0");
  EXPECT_EQ(seen.checksum, kDigest);
  EXPECT_TRUE(seen.has_control);
  EXPECT_EQ(seen.status_text, "started");
  EXPECT_EQ(seen.status, Status::started);
  EXPECT_EQ(seen.state, State());
  EXPECT_FALSE(seen.hold);
  EXPECT_FALSE(seen.retry_asked);
}

TEST_F(Observe, AcceptsAFolderOfTheGoUpdater) {
  write_file(layout.version_file("a"), "1.0");
  ::unlink((layout.version("a", "1.0") + "/.installed").c_str());
  write_file(layout.version("a", "1.0") + "/a-1.0.tar.gz", "bytes");
  const Observed seen = look();
  EXPECT_EQ(seen.version, "1.0");
  EXPECT_EQ(seen.checksum, "");
  EXPECT_EQ(seen.status, Status::started);
  EXPECT_TRUE(seen.releases.empty());
}

TEST_F(Observe, ReturnsAnEmptyAgentIfItIsNotInstalled) {
  const Observed seen = observe_agent(layout, "new", {}).value();
  Observed expected;
  expected.name = "new";
  EXPECT_EQ(seen, expected);
}

TEST_F(Observe, IgnoresAVersionFileWithAnInvalidVersion) {
  write_file(root / "evil/control", "#!/bin/sh\ntouch \"$PWD/../ran\"\n", 0755);
  for (const std::string& text : {std::string("../evil"), root / "evil", std::string(""), std::string("1.0\n2.0"),
                                  std::string(10'000, 'x'), std::string("\0", 1), std::string(".staged-1")}) {
    write_file(layout.version_file("a"), text);
    EXPECT_EQ(look().version, "") << text.substr(0, 20);
  }
  EXPECT_FALSE(tests::exists(root / "ran"));
}

TEST_F(Observe, ReportsAVersionWithoutAFolderOrAControl) {
  write_file(layout.version_file("a"), "2.0");
  EXPECT_EQ(look().version, "2.0");
  EXPECT_FALSE(look().has_control);
  EXPECT_EQ(look().status_text, "");
  write_file(layout.version("a", "2.0") + "/other", "");
  EXPECT_FALSE(look().has_control);
}

TEST_F(Observe, ReturnsEveryStatusAsOneShortLine) {
  const std::pair<const char*, Status> cases[] = {
      {"#!/bin/sh\necho; echo ' stoped '\n", Status::stopped},
      {"#!/bin/sh\necho stopped\n", Status::stopped},
      {"#!/bin/sh\necho started; echo really\n", Status::started},
      {"#!/bin/sh\necho started; echo or stopped\n", Status::unclear},
      {"#!/bin/sh\necho a is stopped; exit 3\n", Status::stopped},
      {"#!/bin/sh\nhead -c 100000 /dev/urandom\n", Status::unclear},
      {"#!/bin/sh\nprintf 'a\\nb\\033[31m\\tc'\n", Status::unclear},
      {"#!/bin/sh\n", Status::unclear},
      {"#!/bin/sh\necho started; exit 3\n", Status::unclear},
      {"no script", Status::unclear},
  };
  for (const auto& [control, status] : cases) {
    add_release("1.0", control);
    const Observed seen = look();
    EXPECT_EQ(seen.status, status) << control;
    EXPECT_LE(seen.status_text.size(), 520U) << control;
    EXPECT_EQ(seen.status_text.find_first_of("\n\t\x1b"), std::string::npos) << control;
  }
}

TEST_F(Observe, ReportsAFailedStatusInTheWordsOfTheGoUpdater) {
  add_release("1.0", "#!/bin/sh\nexit 3\n");
  EXPECT_EQ(look().status_text, "exec `./control status` fail: exit status 3");
}

TEST_F(Observe, ListsStagingAndOnlyCompleteReleases) {
  add_release("0.9", kStarted);
  write_file(layout.version("a", "0.8") + "/control", kStarted, 0755);  // not installed by the updater
  write_file(layout.staged("a", "2.0") + "/.installed", kDigest);
  write_file(layout.staged("a", "2.0") + "/control", kStarted, 0755);
  write_file(layout.staged("a", "2.1") + "/control", kStarted, 0755);  // incomplete
  write_file(layout.staged("a", "2.2") + "/.installed", kDigest);      // no control
  write_file(layout.download("a", "2.2"), "part");
  write_file(layout.download("a", "2.2") + ".from", "url");
  write_file(layout.agent("a") + "/.staged-../.installed", kDigest);
  ASSERT_EQ(::mkdir((layout.agent("a") + "/3.0").c_str(), 0755), 0);
  ASSERT_EQ(::mkdir((layout.agent("a") + "/3.0/.installed").c_str(), 0755), 0);
  const Observed seen = look();
  ASSERT_EQ(seen.releases.size(), 3U);
  EXPECT_EQ(seen.releases[0].version, "0.9");
  EXPECT_GT(seen.releases[0].installed_at, 1'000'000'000);
  EXPECT_EQ(seen.releases[1].version, "1.0");
  EXPECT_FALSE(seen.releases[1].staged);
  EXPECT_EQ(seen.releases[2].version, "2.0");
  EXPECT_TRUE(seen.releases[2].staged);
  EXPECT_EQ(seen.staging,
            (Names{".download-2.2", ".download-2.2.from", ".staged-..", ".staged-2.0", ".staged-2.1", ".staged-2.2"}));
}

TEST_F(Observe, ReadsHoldAndRetry) {
  write_file(layout.hold_file("a"), "  disk is swapped  \nsecond line\n");
  write_file(layout.retry_file("a"), "");
  EXPECT_EQ(look().hold, "disk is swapped");
  EXPECT_TRUE(look().retry_asked);
  write_file(layout.hold_file("a"), "");
  EXPECT_EQ(look().hold, "");
  write_file(layout.hold_file("a"), std::string(100'000, 'x'));
  EXPECT_TRUE(look().hold) << "a hold file that is too long must hold the agent, too";
}

TEST_F(Observe, ReadsTheState) {
  State state;
  state.previous = "0.9";
  ASSERT_TRUE(write_state(layout.state_file("a"), state));
  EXPECT_EQ(look().state, state);
}

TEST_F(Observe, DoesNotWrite) {
  const Names before = tests::list(layout.agent("a"));
  struct stat first = {};
  struct stat then = {};
  ASSERT_EQ(::stat(layout.agent("a").c_str(), &first), 0);
  look();
  ASSERT_EQ(::stat(layout.agent("a").c_str(), &then), 0);
  EXPECT_EQ(tests::list(layout.agent("a")), before);
  EXPECT_EQ(first.st_mtim.tv_nsec, then.st_mtim.tv_nsec);
}

}  // namespace
}  // namespace ops::updater
