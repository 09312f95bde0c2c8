// The daemons' log in systemd's journal. The journal marks its stream in the environment: here that is a file.

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>

#include "common/base/text.h"
#include "tests/support/boxes.h"
#include "tests/support/wait.h"

namespace ops::tests {
namespace {

struct Journal : testing::TestWithParam<const char*> {
  Journal() {
    for (const std::string name : {"ops-meta", "ops-updater"}) {
      std::filesystem::copy_file(cat(OPS_BUILD_DIR, "/", name), folder / name);
    }
    std::filesystem::create_directories(folder / "home");
  }

  /// Starts the daemon with its output in `journal`, whose device and inode are in $JOURNAL_STREAM.
  void start(const std::string& config) {
    write_file(folder / "cfg.json", config);
    write_file(journal, "");
    struct stat info = {};
    ASSERT_EQ(::stat(journal.c_str(), &info), 0);
    daemon = Process(
        {"env", cat("JOURNAL_STREAM=", info.st_dev, ":", info.st_ino), folder / GetParam(), "-c", "cfg.json", "-d", "home"},
        folder.path(), journal);
  }

  TempDir folder;
  std::string journal = folder / "journal";
  Process daemon;
};

TEST_P(Journal, GetsEachLineOnceWithItsLevel) {
  start(R"({"debug": true, "server": "127.0.0.1:1", "strange": 1, "http": {"listen": "127.0.0.1:0"}, "agents": []})");
  ASSERT_TRUE(eventually([&] { return !trim(read_file(folder / "home/var/app.pid")).empty(); })) << read_file(journal);
  EXPECT_EQ(daemon.stop(), 0);
  const std::string text = read_file(journal);
  EXPECT_NE(text.find(cat("<4>", folder / "cfg.json", ": strange: unknown key")), std::string::npos) << text;
  EXPECT_NE(text.find(cat("<6>", GetParam(), " stops")), std::string::npos) << text;
  for (size_t begin = 0, end = 0; (end = text.find('\n', begin)) != std::string::npos; begin = end + 1) {
    const std::string line = text.substr(begin, end - begin);
    EXPECT_TRUE(line.size() > 3 && line[0] == '<' && line[2] == '>') << line;
    EXPECT_EQ(text.find(line, end), std::string::npos) << "twice: " << line;
  }
}

TEST_P(Journal, GetsAFaultOfTheConfigAsAnError) {
  start(R"({"http": 7, "server": "127.0.0.1:1"})");
  EXPECT_EQ(daemon.wait(), 2);
  EXPECT_TRUE(read_file(journal).starts_with(cat("<3>", folder / "cfg.json", ": http: "))) << read_file(journal);
}

TEST_P(Journal, GetsTheReasonOfAFailedStartAsAnError) {
  write_file(folder / "home/var", "a file, where the daemon needs a folder");
  start(R"({"server": "127.0.0.1:1", "http": {"listen": "127.0.0.1:0"}, "agents": []})");
  EXPECT_EQ(daemon.wait(), 1);
  const std::string text = read_file(journal);
  EXPECT_TRUE(text.starts_with("<3>")) << text;
  EXPECT_EQ(text.find('\n') + 1, text.size()) << text;
}

INSTANTIATE_TEST_SUITE_P(Daemons, Journal, testing::Values("ops-meta", "ops-updater"));

TEST(Log, OnAnotherStreamThanTheJournalHasTheTime) {
  Box meta("ops-meta");
  write_file(meta / "cfg.json", R"({"http": {"listen": "127.0.0.1:0"}, "agents": []})");
  Process daemon({"env", "JOURNAL_STREAM=1:1", meta / "ops-meta", "-c", meta / "cfg.json"}, "", meta / "out");
  EXPECT_TRUE(eventually([&] { return meta.log().find(" info ops-meta ") != std::string::npos; })) << meta.log();
  EXPECT_EQ(meta.log().find("<6>"), std::string::npos) << meta.log();
}

}  // namespace
}  // namespace ops::tests
