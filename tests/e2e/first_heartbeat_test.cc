// An updater says after its start when it sends the first heartbeat, to which ops-meta, and with which result.

#include <gtest/gtest.h>

#include <ctime>
#include "tests/support/boxes.h"
#include "tests/support/text.h"
#include "tests/support/wait.h"
#include "updater/model/schedule.h"

namespace ops::tests {
namespace {

using std::chrono::seconds;

/// A host as an operator sets it up, with the default interval.
struct FreshHost : UpdaterBox {
  explicit FreshHost(const std::string& server) : UpdaterBox(server, {.interval = 300}) { add_control(); }
  ~FreshHost() { run_control({"stop"}); }
  FreshHost(const FreshHost&) = delete;
  FreshHost& operator=(const FreshHost&) = delete;
};

long uptime() {
  timespec since_boot{};
  ::clock_gettime(CLOCK_BOOTTIME, &since_boot);
  return since_boot.tv_sec;
}

TEST(FirstHeartbeat, IsAnnouncedAtTheStartAndLogged) {
  MetaBox meta;
  ASSERT_TRUE(meta.start({{"demo-agent", "1.0.0", ""}})) << meta.log();
  const FreshHost host(meta.address());
  const bool is_booting = uptime() < updater::kBootTime / seconds(1);
  const std::string started = host.run_control({"start"}).output;
  const std::string asks = "; asks " + meta.url() + " in ";
  ASSERT_TRUE(contains(started, asks)) << started;
  const int wait = std::stoi(started.substr(started.find(asks) + asks.size()));
  EXPECT_LE(wait, is_booting ? 300 : 5) << started;
  EXPECT_EQ(contains(started, " s; ./control reload asks now\n"), wait > 10) << started;
  EXPECT_TRUE(contains(host.log(), "; it asks " + meta.url() + " in " + std::to_string(wait) + " s")) << host.log();
  EXPECT_TRUE(contains(host.run_control({"status", "-v"}).output, "next heartbeat at "));
  EXPECT_TRUE(contains(host.run_control({"reload"}).output, "ops-updater reloads cfg.json, and asks ops-meta now\n"));

  EXPECT_TRUE(eventually([&] {
    return contains(host.log(), "ops-meta answers, at " + meta.url() + ": demo-agent 1.0.0; asks ");
  })) << host.log();
  EXPECT_TRUE(contains(host.log(), "s; ./control reload asks now")) << host.log();
}

TEST(FirstHeartbeat, IsShownByStatusOnATerminalOnly) {
  MetaBox meta;
  ASSERT_TRUE(meta.start({})) << meta.log();
  const FreshHost host(meta.address());
  EXPECT_EQ(host.run_control({"status", "-v"}).output, "stoped\n");
  host.run_control({"start"});
  host.run_control({"reload"});
  const std::string more = "\n" + meta.url() + " answered at ";
  EXPECT_TRUE(eventually([&] { return contains(host.run_control({"status", "-v"}).output, more); })) << host.log();
  const std::string status = host.run_control({"status", "-v"}).output;
  EXPECT_TRUE(status.starts_with("started\n")) << status;
  EXPECT_TRUE(contains(status, ": it names no agent for this host; next heartbeat at ")) << status;
  const std::string on_a_terminal = run({"script", "-qec", "./control status", "/dev/null"}, host.folder()).output;
  EXPECT_TRUE(contains(on_a_terminal, meta.url() + " answered at ")) << on_a_terminal;
  EXPECT_EQ(host.run_control({"status"}).output, "started\n");
  const std::string script = "set -e; [ \"$(./control status)\" = started ] && echo so";
  EXPECT_EQ(run({"bash", "-c", script}, host.folder()).output, "so\n");
}

TEST(FirstHeartbeat, WithoutAReplyIsLoggedWithTheReasonAndTheNextTime) {
  const FreshHost host("127.0.0.1:1");
  host.run_control({"start"});
  host.run_control({"reload"});
  EXPECT_TRUE(eventually([&] { return contains(host.log(), "no answer from ops-meta: http://127.0.0.1:1/heartbeat: "); }));
  EXPECT_TRUE(contains(host.log(), "; asks again in ") && contains(host.log(), " s; ./control reload asks now")) << host.log();
  const std::string status = host.run_control({"status", "-v"}).output;
  EXPECT_TRUE(status.starts_with("started\nno answer from ops-meta: ")) << status;
  EXPECT_TRUE(contains(status, "; no answer since the start); next heartbeat at ")) << status;
}

}  // namespace
}  // namespace ops::tests
