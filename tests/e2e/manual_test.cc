// Runs the commands of README's chapter "Install on real hosts" unchanged (tests/walkthrough), on free ports, and follows the
// links of the manual.

#include <gtest/gtest.h>

#include <filesystem>
#include <regex>
#include <set>

#include "common/base/text.h"
#include "common/base/version.h"
#include "tests/support/http.h"
#include "tests/support/manual.h"
#include "tests/support/process.h"
#include "tests/support/temp_dir.h"
#include "updater/process/processes.h"

namespace ops::tests {
namespace {

namespace fs = std::filesystem;

/// The anchors of a chapter's headings, as GitHub makes them.
std::set<std::string> anchors_of(const std::string& chapter) {
  std::istringstream lines(read_file(OPS_SOURCE_DIR "/" + chapter));
  std::set<std::string> anchors;
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with("#") || line.find("# ") == std::string::npos) continue;
    std::string anchor;
    for (const char c : line.substr(line.find("# ") + 2)) {
      if (c == ' ' || c == '-') anchor += '-';
      if (std::isalnum(static_cast<unsigned char>(c)) != 0) anchor += static_cast<char>(std::tolower(c));
    }
    anchors.insert(anchor);
  }
  return anchors;
}

TEST(Manual, HasLinksToFilesAndHeadingsThatExist) {
  static const std::regex link(R"(\]\(([^)#:]*)(#([^)]*))?\))");
  size_t links = 0;
  for (const std::string chapter : kChapters) {
    const std::string text = read_file(OPS_SOURCE_DIR "/" + chapter);
    for (std::sregex_iterator found(text.begin(), text.end(), link), end; found != end; ++found, ++links) {
      const std::string file = (*found)[1], anchor = (*found)[3];
      const std::string target = file.empty() ? chapter : (fs::path(chapter).parent_path() / file).lexically_normal().string();
      EXPECT_TRUE(exists(OPS_SOURCE_DIR "/" + target)) << chapter << ": " << found->str();
      EXPECT_TRUE(anchor.empty() || anchors_of(target).contains(anchor)) << chapter << ": " << found->str();
    }
  }
  EXPECT_GT(links, 30U);
}

/// The lines of the ```sh blocks, and the indented lines that begin with `cd` or `./control`, without comments.
std::vector<std::string> commands_in(const std::string& text) {
  std::istringstream lines(text);
  std::vector<std::string> commands;
  bool is_block = false;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("```")) {
      is_block = line == "```sh";
      continue;
    }
    const std::string command(trim(line.substr(0, line.find("  #"))));
    const bool is_indented = line.starts_with("    ") && (command.starts_with("cd ") || command.starts_with("./control "));
    if (is_block || is_indented) commands.push_back(command);
  }
  return commands;
}

TEST(Manual, InChineseHasTheSameCommands) {
  const std::string source = OPS_SOURCE_DIR;
  const std::string trust = read_file(source + "/common/README.md");
  const size_t migration = trust.find("\n## Migrating from the Go original\n");
  ASSERT_NE(migration, std::string::npos);
  auto commands = commands_in(read_file(source + "/README.md"));
  const auto more = commands_in(trust.substr(migration, trust.find("\n## ", migration + 1) - migration));
  commands.insert(commands.end(), more.begin(), more.end());
  EXPECT_EQ(commands_in(read_file(source + "/README.zh-CN.md")), commands);
}

struct Walkthrough : testing::Test {
  ~Walkthrough() override {
    updater::end_processes_in(root.path(), {});
    EXPECT_EQ(updater::processes_in(root.path()), std::vector<pid_t>());
  }

  /// Makes ~/NAME-VERSION.tar.gz with the files that `./control pack` puts in it.
  void pack(const std::string& name, const std::string& example) const {
    const std::string at = root / "pack/" + name;
    const std::string source = OPS_SOURCE_DIR;
    fs::create_directories(at);
    fs::copy_file(std::string(OPS_BUILD_DIR) + "/" + name, at + "/" + name);
    for (const std::string& file : {std::string("/control"), "/cmake/" + name + ".service"}) fs::copy(source + file, at);
    fs::copy(source + (name == "ops-meta" ? "/meta/verbs.sh" : "/updater/verbs.sh"), at);
    fs::copy_file(source + example, at + "/cfg.example.json");
    fs::create_directories(root / "home");
    const std::string file = root / "home/" + name + "-" + version() + ".tar.gz";
    ASSERT_EQ(run({"tar", "-C", at, "-czf", file, "."}).exit_code, 0);
  }

  TempDir root;
};

TEST_F(Walkthrough, OfTheManualInstallsAnAgentAndUpgradesIt) {
  pack("ops-meta", "/cfg.example.json");
  pack("ops-updater", "/updater/cfg.example.json");
  const Finished done = run({std::string(OPS_SOURCE_DIR) + "/tests/walkthrough", root.path(), std::to_string(free_port()),
                             std::to_string(free_port())},
                            "", std::chrono::seconds(250));
  EXPECT_EQ(done.exit_code, 0) << done.output;
  EXPECT_NE(done.output.find(" 1.0.0 started "), std::string::npos) << done.output;
  EXPECT_NE(done.output.find(" 1.0.1 started "), std::string::npos) << done.output;
}

}  // namespace
}  // namespace ops::tests
