// Many rounds of an updater: it loses no agent, leaks no memory or descriptor, writes no needless file and leaves no zombie.

#include <gtest/gtest.h>
#include <signal.h>

#include <atomic>
#include <filesystem>
#include <map>

#include "common/base/text.h"
#include "common/http/server.h"
#include "tests/support/boxes.h"
#include "tests/support/measure.h"
#include "tests/support/tarball.h"
#include "tests/support/wait.h"

namespace ops::tests {
namespace {

namespace fs = std::filesystem;

/// Counts heartbeats and answers all of them with the same reply.
class CountingMeta {
 public:
  explicit CountingMeta(std::string reply)
      : reply_(std::move(reply)), server_(std::move(*HttpServer::listen({"127.0.0.1", 0}, {}, [this](const HttpRequest&) {
          ++heartbeats_;
          return HttpResponse::json(reply_);
        }))) {}

  std::string address() const { return cat("127.0.0.1:", server_->port()); }
  int heartbeats() const { return heartbeats_; }

 private:
  const std::string reply_;
  std::atomic<int> heartbeats_ = 0;
  std::unique_ptr<HttpServer> server_;
};

/// A heartbeat's reply that assigns these agents in version 1.0.0.
std::string reply_with(const std::vector<std::string>& names) {
  std::string agents;
  for (const std::string& name : names) {
    agents += cat(agents.empty() ? "" : ",", R"({"name":")", name,
                  R"(","version":"1.0.0","tarball":"http://127.0.0.1:1","cmd":"start"})");
  }
  return cat(R"({"errorMessage":"","desiredAgents":[)", agents, "]}");
}

void install(const UpdaterBox& host, const std::string& name) {
  for (const char* file : {"control", "agent"}) write_file(host.agent(name) + "/1.0.0/" + file, demo_agent_file(file), 0755);
  write_file(host.agent(name) + "/.version", "1.0.0\n");
}

/// The path of every file below a folder, with its modification time and size.
std::map<std::string, std::string> snapshot(const std::string& folder) {
  std::map<std::string, std::string> files;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    const auto time =
        fs::last_write_time(entry.symlink_status().type() == fs::file_type::symlink ? folder : entry.path().string());
    files[entry.path()] = cat(time.time_since_epoch().count(), " ", entry.is_regular_file() ? entry.file_size() : 0);
  }
  return files;
}

/// A set of signals from /proc/PID/status, like SigIgn.
uint64_t signal_set(pid_t pid, const std::string& field) {
  const std::string text = read_file(cat("/proc/", pid, "/status"));
  return std::stoull(text.substr(text.find(field + ":") + field.size() + 1), nullptr, 16);
}

uint64_t bit(int signal) { return uint64_t{1} << (signal - 1); }

TEST(Endurance, KilledUpdaterLeavesItsAgentsAndStartsNothingTwice) {
  CountingMeta meta(reply_with({"one", "two"}));
  UpdaterBox host(meta.address());
  for (const char* name : {"one", "two"}) install(host, name);
  ASSERT_TRUE(host.start()) << host.log();
  ASSERT_TRUE(eventually([&] { return host.agent_pid("one", "1.0.0") > 0 && host.agent_pid("two", "1.0.0") > 0; }))
      << host.log();
  const pid_t one = host.agent_pid("one", "1.0.0");
  const pid_t two = host.agent_pid("two", "1.0.0");

  for (int i = 0; i < 3; ++i) {
    host.process().kill();
    const int before = meta.heartbeats();
    ASSERT_TRUE(host.start()) << host.log();
    ASSERT_TRUE(eventually([&] { return meta.heartbeats() >= before + 2; })) << host.log();
    EXPECT_EQ(host.agent_pid("one", "1.0.0"), one);
    EXPECT_EQ(host.agent_pid("two", "1.0.0"), two);
  }
  const std::string agent_log = read_file(host.agent("one") + "/1.0.0/var/app.log");
  EXPECT_EQ(std::count(agent_log.begin(), agent_log.end(), '\n'), 1) << "started more than once:\n" << agent_log;
}

TEST(Endurance, StartedAgentHasOnlyItsOwnDescriptorsAndStopsOnSigterm) {
  CountingMeta meta(reply_with({"one"}));
  UpdaterBox host(meta.address());
  install(host, "one");
  ASSERT_TRUE(host.start()) << host.log();
  ASSERT_TRUE(eventually([&] { return host.agent_pid("one", "1.0.0") > 0; })) << host.log();
  const pid_t agent = host.agent_pid("one", "1.0.0");
  EXPECT_EQ(list(cat("/proc/", agent, "/fd")), (std::vector<std::string>{"0", "1", "2"}));
  // A shell starts background programs with SIGINT and SIGQUIT ignored. glibc uses signals above 31 itself.
  EXPECT_EQ(signal_set(agent, "SigIgn") & 0x7fffffff & ~bit(SIGINT) & ~bit(SIGQUIT), 0u);
  EXPECT_EQ(signal_set(agent, "SigBlk"), 0u);
  send_signal(agent, SIGTERM);
  EXPECT_TRUE(eventually([&] { return !is_alive(agent); }));
}

TEST(Endurance, RoundWithoutChangesWritesItsOutcomeOnly) {
  CountingMeta meta(reply_with({"one", "two", "three"}));
  UpdaterBox host(meta.address());
  for (const char* name : {"one", "two", "three"}) install(host, name);
  ASSERT_TRUE(host.start()) << host.log();
  ASSERT_TRUE(eventually([&] { return host.agent_pid("three", "1.0.0") > 0 && meta.heartbeats() >= 4; })) << host.log();
  const int before = meta.heartbeats();
  const auto files_without_outcome = [&] {
    auto files = snapshot(host.folder());
    for (const char* name : {"var", "var/app.poll", "var/app.poll.new"}) files.erase(host / name);
    return files;
  };
  const auto files = files_without_outcome();
  ASSERT_TRUE(eventually([&] { return meta.heartbeats() >= before + 3; })) << host.log();
  EXPECT_EQ(files_without_outcome(), files) << host.log();
}

TEST(Endurance, ThousandRoundsLeaveNoZombieAndLeakNothing) {
  constexpr int kRounds = 1000;
  CountingMeta meta(reply_with({"one"}));
  UpdaterBox host(meta.address());
  install(host, "one");
  ASSERT_TRUE(host.start()) << host.log();
  ASSERT_TRUE(eventually([&] { return host.agent_pid("one", "1.0.0") > 0 && meta.heartbeats() >= 4; })) << host.log();

  const pid_t updater = host.daemon_pid();
  const size_t descriptors = list(cat("/proc/", updater, "/fd")).size();
  const long memory = rss_kb(updater);
  for (int i = 0; i < kRounds; ++i) {
    const int before = meta.heartbeats();
    host.process().signal(SIGHUP);  // a reload sends a heartbeat at once
    ASSERT_TRUE(eventually([&] { return meta.heartbeats() > before; })) << host.log();
  }
  EXPECT_TRUE(eventually([&] { return children_of(updater).empty(); })) << "the updater left child processes or zombies";
  EXPECT_TRUE(eventually([&] { return list(cat("/proc/", updater, "/fd")).size() <= descriptors; }));
  const long memory_after = rss_kb(updater);
  std::cout << "after " << kRounds << " rounds: RSS " << memory << " -> " << memory_after << " kB, " << descriptors
            << " descriptors\n";
  if (!kSanitized) {
    EXPECT_LT(memory_after, memory + 1024);
    EXPECT_LT(memory_after, 12 * 1024);
  }
}

}  // namespace
}  // namespace ops::tests
