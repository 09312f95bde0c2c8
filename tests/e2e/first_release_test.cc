// The first release with the shipped cfg.example.json: an operator copies the line that `./control publish` prints into
// cfg.json, and a host installs the release.

#include <gtest/gtest.h>

#include "common/protocol/release.h"
#include "tests/support/boxes.h"
#include "tests/support/tarball.h"
#include "tests/support/wait.h"

namespace ops::tests {
namespace {

using Versions = std::vector<std::string>;

std::string with(std::string text, const std::string& from, const std::string& to) {
  size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from << " is not in " << text;
  for (; at != std::string::npos; at = text.find(from, at + to.size())) text.replace(at, from.size(), to);
  return text;
}

struct FirstRelease : testing::Test {
  FirstRelease() {
    meta.add_control();
    write_file(meta / "cfg.json", with(read_file(std::string(OPS_SOURCE_DIR) + "/cfg.example.json"), "2000", port));
    write_file(meta / "release.tar.gz", demo_agent_tarball());
    EXPECT_TRUE(meta.start()) << meta.log();
  }

  void edit(const std::string& from, const std::string& to) const {
    write_file(meta / "cfg.json", with(read_file(meta / "cfg.json"), from, to));
  }

  Finished control(const Versions& words) const { return meta.run_control(words); }

  /// The line of the output of `./control publish` that belongs into cfg.json.
  std::string publish(const Versions& words) const {
    Versions command = {"publish"};
    command.insert(command.end(), words.begin(), words.end());
    const Finished finished = control(command);
    EXPECT_EQ(finished.exit_code, 0) << finished.output;
    const std::string before = "run ./control reload:\n    ";
    const size_t at = finished.output.find(before);
    EXPECT_NE(at, std::string::npos) << finished.output;
    const size_t begin = at + before.size();
    return at == std::string::npos ? "" : finished.output.substr(begin, finished.output.find('\n', begin) - begin);
  }

  void expect_on_a_host(const std::string& agent, const std::string& version) const {
    const Finished reloaded = control({"reload"});
    EXPECT_EQ(reloaded.exit_code, 0) << reloaded.output;
    UpdaterBox host("127.0.0.1:" + port);
    ASSERT_TRUE(host.start()) << host.log();
    EXPECT_TRUE(eventually([&] { return host.running(agent) == Versions{version}; })) << host.log() << meta.log();
  }

  const std::string port = std::to_string(free_port());
  const std::string example = R"("version": "1.0.0", "tarball": "http://127.0.0.1:)" + port + "/falcon\"";
  Box meta{"ops-meta"};
};

TEST_F(FirstRelease, OfTheExamplesAgentRunsOnAHost) {
  edit(example, publish({"falcon-agent", "3.1.3", "release.tar.gz"}));
  expect_on_a_host("falcon-agent", "3.1.3");
}

TEST_F(FirstRelease, OfAnAgentThatTheConfigDoesNotNameRunsOnAHost) {
  edit("\"agents\": [", "\"agents\": [" + publish({"demo-agent", "1.0", "release.tar.gz"}) + ",");
  expect_on_a_host("demo-agent", "1.0");
}

TEST_F(FirstRelease, ForOneOfSeveralPlatformsRunsOnAHost) {
  edit(port + "/falcon", port + "/{os}/{arch}/falcon");
  const Finished refused = control({"publish", "falcon-agent", "3.1.3", "release.tar.gz"});
  EXPECT_EQ(refused.exit_code, 1);
  EXPECT_NE(refused.output.find("contains {arch}; add -a amd64 or -a arm64"), std::string::npos) << refused.output;

  const std::string arch = platform().substr(std::string("linux_").size());
  edit(with(example, "/falcon", "/{os}/{arch}/falcon"), publish({"falcon-agent", "3.1.3", "release.tar.gz", "-a", arch}));
  expect_on_a_host("falcon-agent", "3.1.3");
}

TEST_F(FirstRelease, WithAChecksumInTheConfigRunsOnAHost) {
  const std::string old = R"(,
                "md5": "")";
  edit(old, R"(, "md5": "00000000000000000000000000000000")");
  edit(example + R"(, "md5": "00000000000000000000000000000000")", publish({"falcon-agent", "3.1.3", "release.tar.gz"}));
  expect_on_a_host("falcon-agent", "3.1.3");
}

TEST_F(FirstRelease, WithChecksumsInAFolderOfTheirOwnRunsOnAHost) {
  edit("\"md5\": \"\"", "\"md5\": \"http://127.0.0.1:" + port + "/sums\"");
  edit(example, publish({"falcon-agent", "3.1.3", "release.tar.gz"}));
  expect_on_a_host("falcon-agent", "3.1.3");
}

}  // namespace
}  // namespace ops::tests
