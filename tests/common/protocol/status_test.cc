#include "common/protocol/status.h"

#include <gtest/gtest.h>

#include "common/protocol/heartbeat.h"

namespace ops::tests {
namespace {

const std::string kFar(kMaxStatusSize, 'x');

struct Row {
  std::string output;
  Status status;
};

// The table of the header, and outputs of real scripts.
const std::vector<Row> kTable = {
    {"started", Status::started},
    {"started\n", Status::started},
    {"falcon-agent started, pid=12", Status::started},
    {"falcon-agent started..., pid=12", Status::started},
    {"[ started ]", Status::started},
    {"status=started", Status::started},
    {"STARTED", Status::started},
    {"falcon-agent has been started", Status::started},
    {"falcon-agent 状态：started。", Status::started},
    {"bash: warning: setlocale: LC_ALL: cannot change locale (zh_CN.UTF-8)\nstarted", Status::started},
    {"started\r\n", Status::started},
    {"\x1b[32mstarted\x1b[0m", Status::started},
    {"\x1b[1;32mstarted\x1b(B\x1b[m", Status::started},
    {"falcon-agent:\x1b[60G[\x1b[0;32m started \x1b[0m]", Status::started},
    {"\x1b]0;title\astarted", Status::started},
    {"\x1b]0;title\x1b\\started", Status::started},
    {kFar + "started", Status::unclear},
    {kFar + " started", Status::started},
    {"stoped", Status::stopped},
    {"stopped", Status::stopped},
    {"falcon-agent is stopped", Status::stopped},
    {"\x1b[31mstoped\x1b[0m", Status::stopped},
    {"not started", Status::stopped},
    {"falcon-agent is NOT started", Status::stopped},
    {"falcon-agent has not been started", Status::stopped},
    {"not stopped", Status::unclear},
    {"cannot be started", Status::unclear},
    {"isn't started", Status::unclear},
    {"never started", Status::unclear},
    {"no started process", Status::unclear},
    {"process dead, was last started 10:00", Status::unclear},
    {"is not running, was started yesterday", Status::unclear},
    {"started but dead", Status::unclear},
    {"neither started", Status::unclear},
    {"agent is not currently started", Status::unclear},
    {"agent is not running\nwas started 10:00", Status::unclear},
    {"warning: no such file, not that it matters\nstarted\n", Status::started},
    {"started\nits worker stopped", Status::unclear},
    {"started\nstopped", Status::unclear},
    {"the agent started at 10:00\nstopped", Status::unclear},
    {"failed to be stopped", Status::unclear},
    {"not yet started", Status::unclear},
    {"{\"started\": false}", Status::unclear},
    {"started: no", Status::unclear},
    {"started, then stoped", Status::unclear},
    {"web started\nworker stopped", Status::unclear},
    {"stopped, not started", Status::stopped},
    {"started, not stopped", Status::unclear},
    {kFar + " started stoped", Status::unclear},
    {"started " + kFar + " stoped", Status::unclear},
    {"restarted", Status::unclear},
    {"unstarted", Status::unclear},
    {"re-started", Status::unclear},
    {"started_at", Status::unclear},
    {"started.pid", Status::unclear},
    {"/run/started: No such file or directory", Status::unclear},
    {"start", Status::unclear},
    {"running", Status::unclear},
    {"", Status::unclear},
    {"\x1b", Status::unclear},
    {"\x1b[", Status::unclear},
    {"\x1b]started", Status::unclear},
    {"exec `./control status` fail: exit status 3", Status::unclear},
    {"exec `./control status` fail: exit status 1: started", Status::unclear},
    {"`./control status` did not end within 10 s and was killed: started", Status::unclear},
};

TEST(Status, FollowsTheTable) {
  for (const Row& row : kTable) {
    if (row.output.find('\x1b') == std::string::npos) {
      EXPECT_EQ(to_status(row.output), row.status) << row.output;
    }
    EXPECT_EQ(to_status(status_line(row.output)), row.status) << row.output << " is sent as " << status_line(row.output);
    EXPECT_EQ(to_status(plain_status(status_line(row.output))), row.status) << row.output;
  }
}

TEST(StatusLine, IsOneLineWithoutEscapes) {
  EXPECT_EQ(status_line("\x1b[32mstarted\x1b[0m\r\n"), "started");
  EXPECT_EQ(status_line("falcon-agent\x1b[60G[\x1b[32m started \x1b[0m]\npid 12"), "falcon-agent [  started  ] pid 12");
  EXPECT_EQ(status_line(" exec `./control status` fail: signal 9 "), "exec `./control status` fail: signal 9");
  for (const Row& row : kTable) {
    const std::string line = status_line(row.output);
    EXPECT_LE(line.size(), kMaxStatusSize + 3) << "cut, with \"…\" at the end";
    EXPECT_EQ(status_line(line), line) << "ops-meta must not change the line of an updater";
  }
}

TEST(PlainStatus, IsOneOfTwoWordsOrTheLineItself) {
  EXPECT_EQ(plain_status("falcon-agent started, pid=12"), "started");
  EXPECT_EQ(plain_status("not started"), "stoped");
  EXPECT_EQ(plain_status("stoped"), "stoped");
  EXPECT_EQ(plain_status("stopped"), "stopped");
  EXPECT_EQ(plain_status("running"), "running");
}

}  // namespace
}  // namespace ops::tests
