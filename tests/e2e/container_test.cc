// The updater in a container, as its first process.

#include <gtest/gtest.h>
#include <signal.h>

#include "tests/support/boxes.h"
#include "tests/support/mount_namespace.h"
#include "tests/support/tarball.h"
#include "tests/support/text.h"
#include "tests/support/wait.h"
#include "updater/process/processes.h"

namespace ops::tests {
namespace {

constexpr char kAgent[] = "plain-agent";

// Like the control of many agents, it takes each process that kill finds for a running one, also a zombie. Outside the pid
// namespace in which it started the agent, the pid in its file is another process.
constexpr char kControl[] = R"(#!/bin/sh
pids=$(readlink /proc/self/ns/pid)
runs() { pid=$(cat "app.$pids" 2>/dev/null) && kill -0 "$pid" 2>/dev/null; }
case $1 in
  start) runs || { setsid sleep 1000 </dev/null >/dev/null 2>&1 & echo $! >"app.$pids"; } ;;
  stop) while runs; do kill "$pid"; sleep 0.02; done ;;
  status) if runs; then echo started; else echo stoped; fi ;;
esac
)";

/// In a pid namespace, as its PID 1, with the app.pid of an updater of an earlier run.
std::vector<std::string> as_pid_1() {
  return own_mounts("echo 1 >var/app.pid", {"--pid", "--fork", "--mount-proc", "--kill-child"});
}

/// The pid of the agent, as this process sees it; -1 when it does not run.
pid_t agent_in(const UpdaterBox& host) {
  for (const pid_t pid : updater::processes_in(host.agent(kAgent))) {
    if (updater::describe(pid).ends_with(" (sleep)")) return pid;
  }
  return -1;
}

TEST(Container, UpdaterThatIsPid1RestartsADeadAgentAndLeavesNoZombie) {
  MetaBox meta;
  const std::string tarball = make_agent_tarball(kControl);
  meta.publish(kAgent, "1.0", tarball);
  meta.publish(kAgent, "2.0", make_agent_tarball(kControl, {{"other", "content"}}));
  ASSERT_TRUE(meta.start({{kAgent, "1.0"}})) << meta.log();
  UpdaterBox host(meta.address());
  ASSERT_TRUE(host.start_under(as_pid_1())) << host.log();
  ASSERT_TRUE(eventually([&] { return contains(meta.status(kAgent), "h1 1.0 started "); })) << host.log();
  ASSERT_TRUE(eventually([&] { return contains(host.log(), "pass the probation: done"); })) << host.log();
  const pid_t init = children_of(host.process().pid()).at(0);

  const pid_t before = agent_in(host);
  send_signal(before, SIGKILL);
  EXPECT_TRUE(eventually([&] { return agent_in(host) > 0 && agent_in(host) != before; })) << host.log();
  EXPECT_TRUE(eventually([&] { return meta.receives_heartbeats(1) && contains(meta.status(kAgent), "h1 1.0 started "); }));

  ASSERT_TRUE(meta.assign({{kAgent, "2.0"}}));
  EXPECT_TRUE(eventually([&] { return contains(meta.status(kAgent), "h1 2.0 started "); })) << host.log();
  EXPECT_FALSE(contains(host.log(), "was killed")) << "a control script's exit was lost: " << host.log();
  for (const pid_t child : children_of(init))
    EXPECT_TRUE(eventually([&] { return !exists("/proc/" + std::to_string(child)) || is_alive(child); }));

  send_signal(init, SIGHUP);
  EXPECT_TRUE(eventually([&] { return contains(host.log(), "config reloaded"); })) << host.log();
  send_signal(init, SIGTERM);
  EXPECT_EQ(host.process().wait(), 0) << host.log();
  EXPECT_TRUE(contains(host.log(), "ops-updater stops")) << host.log();
}

// Some supervisors ignore SIGCHLD, and a program that they execute does the same.
TEST(Container, UpdaterWaitsForItsScriptsAlsoUnderAParentThatIgnoresSigchld) {
  MetaBox meta;
  meta.publish(kAgent, "1.0", make_agent_tarball(kControl));
  ASSERT_TRUE(meta.start({{kAgent, "1.0"}})) << meta.log();
  UpdaterBox host(meta.address());
  ASSERT_TRUE(host.start_under({"sh", "-c", "trap '' CHLD; exec \"$@\"", "sh"})) << host.log();
  EXPECT_TRUE(eventually([&] { return contains(meta.status(kAgent), "h1 1.0 started "); })) << host.log();
  EXPECT_FALSE(contains(host.log(), "was killed")) << host.log();
}

}  // namespace
}  // namespace ops::tests
