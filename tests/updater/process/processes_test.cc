#include "updater/process/processes.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <stop_token>

#include "common/base/file.h"
#include "common/base/text.h"
#include "tests/support/mount_namespace.h"
#include "tests/support/process.h"
#include "tests/support/temp_dir.h"
#include "tests/support/wait.h"
#include "updater/process/open_files.h"

namespace ops::tests {
namespace {

using updater::end_processes_in;
using updater::find_control_script;
using updater::processes_in;
using updater::removed_processes_in;
using updater::terminate;

using Pids = std::vector<pid_t>;

TEST(Processes, AreFoundByTheirWorkingDirectory) {
  const TempDir agent;
  const TempDir other;
  write_file(agent / "1/deeper/file", "");
  write_file(agent / "10/file", "");
  Process inside({"sleep", "1000"}, agent / "1", other / "out");
  Process below({"sleep", "1000"}, agent / "1/deeper", other / "out");
  Process beside({"sleep", "1000"}, agent / "10", other / "out");
  Pids expected = {inside.pid(), below.pid()};
  std::sort(expected.begin(), expected.end());
  Pids found = processes_in(agent / "1");
  std::sort(found.begin(), found.end());
  EXPECT_EQ(found, expected);
  EXPECT_EQ(processes_in(agent / "2"), Pids{});
}

TEST(Processes, AreFoundByTheirProgram) {
  const TempDir agent;
  write_file(agent / "1/sleep", read_file("/bin/sleep"), 0755);
  Process elsewhere({agent / "1/sleep", "1000"}, "/", agent / "out");
  EXPECT_EQ(processes_in(agent / "1"), Pids{elsewhere.pid()});
}

TEST(Processes, OfARemovedFolderAreFound) {
  const TempDir agent;
  const TempDir other;
  write_file(agent / "1/sleep", read_file("/bin/sleep"), 0755);
  write_file(agent / "2/sleep", read_file("/bin/sleep"), 0755);
  Process works({"sleep", "1000"}, agent / "1", other / "works");
  Process runs({agent / "1/sleep", "1000"}, "/", other / "runs");
  Process lives({agent / "2/sleep", "1000"}, "/", other / "lives");
  for (const Process* process : {&works, &runs, &lives}) {
    ASSERT_TRUE(eventually([&] { return updater::describe(process->pid()).ends_with(" (sleep)"); }));
  }
  EXPECT_EQ(removed_processes_in(agent.path()), Pids{});
  ASSERT_TRUE(remove_tree(agent / "1"));
  ASSERT_EQ(::unlink((agent / "2/sleep").c_str()), 0);
  write_file(agent / "2/sleep", "another program");  // as the Go updater does at each heartbeat
  Pids expected = {works.pid(), runs.pid()};
  for (Pids found : {processes_in(agent / "1"), removed_processes_in(agent.path())}) {
    std::sort(expected.begin(), expected.end());
    std::sort(found.begin(), found.end());
    EXPECT_EQ(found, expected);
  }
}

/// Starts `command` in `folder`, in a mount namespace of its own, after `prepare`, which is a line for a shell.
Process start_in_own_mounts(const std::string& prepare, const std::string& folder, const std::string& command,
                            const std::string& output_file) {
  std::vector<std::string> words = own_mounts(cat(prepare, "\ncd '", folder, "'\necho ready"));
  words.insert(words.begin(), "setsid");
  words.insert(words.end(), {"sh", "-c", "exec " + command});
  Process process(words, "/", output_file);
  EXPECT_TRUE(eventually([&] { return !read_file(output_file).empty(); }));
  EXPECT_TRUE(read_file(output_file).starts_with("ready\n")) << read_file(output_file);
  return process;
}

// A container on the host has folders with the same names as those of the host.
TEST(Processes, OfAContainerAreNotFoundByTheTextOfTheirPath) {
  const TempDir agent;
  const TempDir other;
  write_file(agent / "1/control", "#!/bin/sh\necho started\n", 0755);
  write_file(other / "image/1/control", "#!/bin/sh\necho inside\nwhile :; do sleep 0.1; done\n", 0755);
  write_file(other / "image/1/sleep", read_file("/bin/sleep"), 0755);
  const std::string mount = "mount --bind " + other / "image" + " " + agent.path();
  Process works = start_in_own_mounts(mount, agent / "1", "sleep 1000", other / "works");
  Process runs = start_in_own_mounts(mount, "/", agent / "1/sleep 1000", other / "runs");
  Process script = start_in_own_mounts(mount, agent / "1", "./control start", other / "script");
  ASSERT_TRUE(eventually([&] { return read_file(other / "script") == "ready\ninside\n"; }));
  ASSERT_TRUE(eventually([&] { return updater::describe(runs.pid()).ends_with(" (sleep)"); }));
  EXPECT_EQ(processes_in(agent.path()), Pids{});
  EXPECT_EQ(find_control_script(agent.path(), 0), -1);
  EXPECT_TRUE(end_processes_in(agent.path(), {}));
  for (Process* process : {&works, &runs, &script}) EXPECT_TRUE(process->is_running());
}

// As of a systemd unit with PrivateTmp=, whose agents outlive a restart of the updater.
TEST(Processes, OfAnotherMountNamespaceAreFoundInTheSameFolder) {
  const TempDir agent;
  const TempDir other;
  write_file(agent / "1/control", "#!/bin/sh\necho inside\nwhile :; do sleep 0.1; done\n", 0755);
  Process works = start_in_own_mounts("true", agent / "1", "sleep 1000", other / "works");
  Process script = start_in_own_mounts("true", agent / "1", "./control start", other / "script");
  ASSERT_TRUE(eventually([&] { return read_file(other / "script") == "ready\ninside\n"; }));
  EXPECT_EQ(find_control_script(agent.path(), 0), script.pid());
  EXPECT_TRUE(end_processes_in(agent.path(), {}));
  EXPECT_FALSE(works.is_running());
  EXPECT_FALSE(script.is_running());
}

TEST(Processes, AreEndedAlsoIfTheyIgnoreSigterm) {
  const TempDir agent;
  const TempDir other;
  write_file(agent / "1/file", "");
  Process mild({"sleep", "1000"}, agent / "1", other / "out");
  Process stubborn({"sh", "-c", "trap '' TERM; echo ready; while :; do sleep 0.1; done"}, agent / "1", other / "ready");
  ASSERT_TRUE(eventually([&] { return read_file(other / "ready") == "ready\n"; }));
  EXPECT_TRUE(end_processes_in(agent / "1", {}));
  EXPECT_FALSE(mild.is_running());
  EXPECT_FALSE(stubborn.is_running());
}

TEST(Processes, ThatAreStartedDuringTheirTerminationAreEndedToo) {
  const TempDir folder;
  Process first({"sh", "-c", "trap 'setsid sleep 1000 & exit' TERM; echo ready; while :; do sleep 0.1; done"}, folder.path(),
                folder / "ready");
  ASSERT_TRUE(eventually([&] { return read_file(folder / "ready") == "ready\n"; }));
  EXPECT_TRUE(terminate([&] { return processes_in(folder.path()); }, {}));
  EXPECT_EQ(processes_in(folder.path()), Pids{});
}

TEST(Processes, GetEachSignalOnce) {
  const TempDir folder;
  Process counts({"sh", "-c", "trap 'echo TERM' TERM; echo ready; while :; do sleep 0.05; done"}, folder.path(),
                 folder / "out");
  ASSERT_TRUE(eventually([&] { return read_file(folder / "out") == "ready\n"; }));
  EXPECT_TRUE(terminate([&] { return counts.is_running() ? Pids{counts.pid()} : Pids{}; }, {}));
  EXPECT_EQ(read_file(folder / "out"), "ready\nTERM\n");
}

TEST(Processes, AreNotSignalledAfterACancel) {
  const TempDir folder;
  Process stays({"sleep", "1000"}, folder.path(), folder / "out");
  std::stop_source cancel;
  cancel.request_stop();
  EXPECT_FALSE(terminate([&] { return Pids{stays.pid()}; }, cancel.get_token()));
  EXPECT_TRUE(stays.is_running());
}

TEST(Processes, ControlScriptIsFoundIfItIsASessionLeader) {
  const TempDir agent;
  const TempDir other;
  write_file(agent / "1/control", "#!/bin/sh\necho ready\nsleep 1000\n", 0755);
  Process script({"setsid", "./control", "start"}, agent / "1", other / "out");
  ASSERT_TRUE(eventually([&] { return read_file(other / "out") == "ready\n"; }));
  EXPECT_EQ(find_control_script(agent.path(), 0), script.pid());
  EXPECT_EQ(find_control_script(other.path(), 0), -1);
  const uint64_t started = updater::start_ticks_of(script.pid());
  EXPECT_EQ(find_control_script(agent.path(), started), script.pid());
  EXPECT_EQ(find_control_script(agent.path(), started + 1), -1) << "it started earlier";
  EXPECT_LE(started, updater::ticks_since_boot());
  EXPECT_TRUE(updater::is_running_script({script.pid(), 0, started}));
  EXPECT_FALSE(updater::is_running_script({script.pid(), 0, started - 1})) << "an ended process had the same pid";
  end_processes_in(agent.path(), {});
  Process by_hand({"./control", "start"}, agent / "1", other / "out2");
  ASSERT_TRUE(eventually([&] { return read_file(other / "out2") == "ready\n"; }));
  EXPECT_EQ(find_control_script(agent.path(), 0), -1) << "an operator started this one";
  end_processes_in(agent.path(), {});
}

TEST(Processes, DescendantsAreFoundInOtherSessionsToo) {
  const TempDir folder;
  Process shell({"sh", "-c", "setsid sh -c 'echo $$; sleep 1000' & wait"}, "/", folder / "out");
  std::vector<updater::Process> found;
  ASSERT_TRUE(eventually([&] {
    found = updater::descendants_of(shell.pid());
    return found.size() == 2 && updater::describe(found[1].pid).ends_with(" (sleep)");  // before exec, its name is sh
  }));
  EXPECT_EQ(found[0].pid, std::stoi(read_file(folder / "out")));
  EXPECT_EQ(found[0].parent, shell.pid());
  EXPECT_EQ(found[1].parent, found[0].pid);
  EXPECT_EQ(updater::describe(found[1].pid), "pid " + std::to_string(found[1].pid) + " (sleep)");
  for (const auto& process : found) send_signal(process.pid, SIGKILL);
  EXPECT_TRUE(eventually([&] { return updater::descendants_of(shell.pid()).empty(); }));
}

/// How many descendants of this shell have a stdout that is a pipe to outside. (Tests may run with other pipes open.)
size_t stdouts_to_outside_of(const Process& shell) {
  const auto pipes = updater::pipes_to_outside(updater::descendants_of(shell.pid()));
  return static_cast<size_t>(std::count_if(pipes.begin(), pipes.end(), [](const auto& pipe) { return pipe.fd == 1; }));
}

TEST(Processes, PipesToOutsideAreFoundAndPipesBetweenThemAreNot) {
  const TempDir folder;
  const Process inside({"sh", "-c", "sleep 1000 | sleep 1000"}, folder.path(), folder / "out");
  const Process outside({"sh", "-c", "echo $(sleep 1000)"}, folder.path(), folder / "out");
  EXPECT_TRUE(
      eventually([&] { return updater::descendants_of(inside.pid()).size() == 2 && stdouts_to_outside_of(inside) == 0; }));
  EXPECT_TRUE(eventually([&] { return stdouts_to_outside_of(outside) == 1; }));
  for (const Process* shell : {&inside, &outside}) {
    for (const auto& process : updater::descendants_of(shell->pid())) send_signal(process.pid, SIGKILL);
  }
}

}  // namespace
}  // namespace ops::tests
