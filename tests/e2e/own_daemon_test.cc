// An agent that is a fork of its control script, as in Python or Perl: it has the command line "perl ./control start", the
// version's folder and a session of its own. So it looks like a script that an earlier updater began.

#include <gtest/gtest.h>
#include <signal.h>

#include "tests/support/boxes.h"
#include "tests/support/tarball.h"
#include "tests/support/wait.h"

namespace ops::tests {
namespace {

constexpr char kControl[] = R"(#!/usr/bin/perl
use POSIX;
my $pid = -e "pid" ? `cat pid` + 0 : 0;
my $runs = $pid && kill(0, $pid);
if ($ARGV[0] eq "status") { print $runs ? "started\n" : "stoped\n"; }
if ($ARGV[0] eq "stop" && $runs) { kill("KILL", $pid); }
if ($ARGV[0] eq "start" && !$runs && fork() == 0) {
    POSIX::setsid();
    open(STDOUT, ">", "log"); open(STDERR, ">&", STDOUT);
    open(my $file, ">", "pid.new"); print $file "$$\n"; close($file); rename("pid.new", "pid");
    sleep(1) while 1;
}
)";

TEST(OwnDaemon, RunsOnWhenTheUpdaterRestarts) {
  MetaBox meta;
  meta.publish("a", "1.0.0", make_agent_tarball(kControl, {}));
  ASSERT_TRUE(meta.start({{"a", "1.0.0"}})) << meta.log();
  UpdaterSettings settings;
  settings.control_timeout = 1;  // seconds; the updater would end the agent after this time
  UpdaterBox host(meta.address(), settings);
  ASSERT_TRUE(host.start()) << host.log();
  const auto is_listed_as_started = [&] {
    return meta.status("a").starts_with("h1 1.0.0 started ") && meta.get("/status/text/a?phase=probation").body.empty();
  };
  ASSERT_TRUE(eventually(is_listed_as_started)) << host.log() << meta.status("a");
  const std::string pid = read_file(host.agent("a") + "/1.0.0/pid");
  for (int i = 0; i < 2; ++i) {
    host.process().kill();
    ASSERT_TRUE(host.start()) << host.log();
    EXPECT_TRUE(meta.receives_heartbeats(4));
    EXPECT_TRUE(eventually(is_listed_as_started)) << host.log() << meta.status("a");
  }
  EXPECT_EQ(read_file(host.agent("a") + "/1.0.0/pid"), pid) << "it was ended and started again\n" << host.log();
  EXPECT_EQ(host.log().find("which an earlier updater started"), std::string::npos) << host.log();
}

}  // namespace
}  // namespace ops::tests
