// The updater's debug port, which every user of the host may call.

#include <gtest/gtest.h>
#include <signal.h>

#include "tests/support/fake_meta.h"
#include "tests/support/text.h"
#include "tests/support/wait.h"

namespace ops::tests {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kReloads = 200;

void reload_in_a_loop(int port) {
  for (int i = 0; i < kReloads; ++i) {
    ASSERT_TRUE(contains(get(port, "/config/reload").body, "\"msg\":\"success\""));
  }
}

size_t count(const std::string& text, const std::string& part) {
  size_t found = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++found;
  return found;
}

TEST(DebugPort, ReloadInALoopSendsAtMostOneHeartbeatASecondAndLogsOneLine) {
  FakeMeta meta;
  meta.assign({});
  UpdaterBox host(meta.address(), {.interval = 300});
  const auto begin = Clock::now();
  ASSERT_TRUE(host.start()) << host.log();
  reload_in_a_loop(host.port());
  const size_t heartbeats = meta.heartbeats();
  const auto seconds = std::chrono::ceil<std::chrono::seconds>(Clock::now() - begin).count();
  EXPECT_LE(heartbeats, static_cast<size_t>(seconds) + 2);
  EXPECT_EQ(count(host.log(), "config reloaded"), 1U) << host.log();
  EXPECT_TRUE(eventually([&] { return meta.heartbeats() > heartbeats; })) << "the last reload is not lost: " << host.log();

  write_file(host / "cfg.json", "{");
  for (int i = 0; i < kReloads; ++i) EXPECT_FALSE(contains(get(host.port(), "/config/reload").body, "success"));
  EXPECT_EQ(count(host.log(), "the config is not reloaded"), 1U) << host.log();
}

TEST(DebugPort, ReloadDoesNotEndAPauseThatMetaAskedFor) {
  FakeMeta meta;
  meta.answer("HTTP/1.1 503 Service Unavailable\r\nRetry-After: 600\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
  UpdaterBox host(meta.address(), {.interval = 300});
  ASSERT_TRUE(host.start()) << host.log();
  host.process().signal(SIGHUP);
  ASSERT_TRUE(eventually([&] { return contains(host.log(), "asks again in "); })) << host.log();
  const size_t before = meta.heartbeats();
  reload_in_a_loop(host.port());
  EXPECT_EQ(meta.heartbeats(), before);
  host.process().signal(SIGHUP);
  EXPECT_TRUE(eventually([&] { return meta.heartbeats() > before; })) << "the operator may end the pause: " << host.log();
}

}  // namespace
}  // namespace ops::tests
