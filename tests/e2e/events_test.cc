// The history of the fleet: var/events, /events and ./control log, with a real ops-meta.

#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

#include <algorithm>
#include <csignal>
#include <iostream>
#include <sstream>

#include "tests/e2e/reports_fixture.h"
#include "tests/support/manual.h"
#include "tests/support/measure.h"
#include "tests/support/small_disk.h"
#include "tests/support/terminal.h"
#include "tests/support/text.h"
#include "tests/support/wait.h"

namespace ops::tests {
namespace {

using Json = nlohmann::json;

struct Events : Reports {
  Events() {
    meta.add_control();
    start("1");  // reloads the config once, to choose a port
    expect("in cfg.json; no known host changes");
    EXPECT_TRUE(eventually([&] { return contains(read_file(meta / "var/events"), "in cfg.json; no known"); }));
    first_id = events().back().at("id");
  }

  Json events(const std::string& query = "") const {
    return Json::parse(meta.get("/events?limit=10000" + query).body).at("events");
  }
  bool has(const std::string& text) const { return contains(meta.get("/events?limit=10000").body, text); }
  /// Waits until an event has this text.
  void expect(const std::string& text) const {
    EXPECT_TRUE(eventually([&] { return has(text); })) << text << " is not in " << meta.get("/events").body << meta.log();
  }
  std::string kinds(const std::string& query = "") const {
    std::string kinds;
    for (const Json& event : events(query + "&since=" + std::to_string(first_id)))
      kinds += (kinds.empty() ? "" : " ") + event.at("kind").get<std::string>();
    return kinds;
  }
  Finished control(const std::vector<std::string>& words) const { return meta.run_control(words); }
  /// The release 2 begins, fails on three hosts, and is halted.
  void halt_two() {
    for (int i = 1; i <= 4; ++i) report(host(i), "1");
    assign("2", R"({"soak": 0})");
    expect("a changes from 1 to 2 on 4 hosts, like h101, h102, h103");
    EXPECT_EQ(report(host(1), "1"), "2");
    for (int i = 1; i <= 3; ++i) report(host(i), "1", update("2", "rolled-back", "it died <b>"));
    EXPECT_EQ(report(host(4), "1"), "1");
  }
  /// Puts the file over var/events, also for ops-meta, which runs.
  void cover(const std::string& file, unsigned long flags = 0) const {
    ASSERT_EQ(::mount(file.c_str(), (meta / "var/events").c_str(), nullptr, MS_BIND, nullptr), 0) << "this test needs root";
    const unsigned long change = MS_BIND | MS_REMOUNT | flags;
    ASSERT_EQ(::mount(nullptr, (meta / "var/events").c_str(), nullptr, change, nullptr), 0);
  }
  int64_t first_id = 0;
  void uncover() const { ::umount2((meta / "var/events").c_str(), MNT_DETACH); }
};

TEST_F(Events, NameEachStepOfARolloutAndTheOperator) {
  for (int i = 1; i <= 4; ++i) report(host(i), "1");
  assign("2", R"({"soak": 0})");
  expect("a changes from 1 to 2 on 4 hosts");
  EXPECT_EQ(report(host(1), "1"), "2");
  for (int i = 1; i <= 3; ++i) report(host(i), "1", update("2", "rolled-back", "it died <b>"));
  EXPECT_EQ(report(host(4), "1"), "1");
  EXPECT_EQ(control({"halt", "a", "2"}).exit_code, 0);
  EXPECT_EQ(control({"resume", "a", "2"}).exit_code, 0);
  EXPECT_EQ(report(host(4), "1"), "2");
  for (int i = 1; i <= 4; ++i) report(host(i), "2");
  expect("a 2: the rollout ends: it runs on 4 of 4 hosts");
  write_file(meta / "cfg.json.good", read_file(meta / "cfg.json"));
  write_file(meta / "cfg.json", "{");
  meta.process().signal(SIGHUP);
  expect("cfg.json is bad, and is not reloaded: ");
  EXPECT_EQ(kinds(), "reload begin failure failure failure halt halt-by-hand resume-by-hand continue end reload-failed");
  const Json all = events("&since=" + std::to_string(first_id));
  EXPECT_EQ(all[0].at("by"), "root");
  EXPECT_EQ(all[1].at("text"), "a 2: the rollout begins with h101; 0 hosts run it");
  EXPECT_EQ(all[2].at("text"), "a 2 is rolled-back on h101: it died <b>");
  EXPECT_EQ(all[2].at("host"), "h101");
  EXPECT_EQ(all[5].at("text"), "a 2 is halted: 3 of 3 hosts failed; the limits are 3 hosts and 5 %");
  EXPECT_EQ(all[6].at("by"), "root");
  EXPECT_EQ(all[7].at("by"), "root");
  EXPECT_EQ(all[10].at("by"), "SIGHUP");
  EXPECT_EQ(kinds("&kind=failure"), "failure failure failure");
  EXPECT_EQ(kinds("&agent=b"), "");
  EXPECT_EQ(events("&since=" + all[9].at("id").dump()).size(), 1u);
}

TEST_F(Events, EndWithTheReleaseThatCfgJsonNoLongerNames) {
  halt_two();
  assign("1");
  expect("a 2: the rollout ends: cfg.json no longer names the release");
}

TEST_F(Events, SurviveAKillAndAreNotRepeatedAfterIt) {
  halt_two();
  EXPECT_EQ(control({"halt", "a", "2"}).exit_code, 0);
  const std::string before = kinds();
  EXPECT_TRUE(eventually([&] { return contains(read_file(meta / "var/events"), "halt-by-hand"); }));
  meta.process().kill();
  ASSERT_TRUE(meta.Box::start()) << meta.log();
  EXPECT_EQ(kinds(), before);
  for (int i = 1; i <= 3; ++i) report(host(i), "1", update("2", "rolled-back", "it died <b>"));
  EXPECT_EQ(control({"resume", "a", "2"}).exit_code, 0);
  EXPECT_EQ(kinds(), before + " resume-by-hand");
  EXPECT_EQ(meta.process().stop(), 0);
  ASSERT_TRUE(meta.Box::start()) << meta.log();
  EXPECT_EQ(kinds(), before + " resume-by-hand");
}

TEST_F(Events, TellOfAChangeThatOpsMetaFindsWhenItStarts) {
  report(host(1), "1");
  EXPECT_EQ(meta.process().stop(), 0);
  ASSERT_TRUE(meta.start({agent("2", "{}")})) << meta.log();
  expect("a changes from 1 to 2 on 1 host, like h101");
  EXPECT_FALSE(events("&since=" + std::to_string(first_id)).at(0).contains("by"));
}

struct EventsWithoutADisk : Events {
  /// Heartbeats are answered, events are listed, and the log has one warning.
  void expect_service(const std::string& why) {
    halt_two();
    EXPECT_EQ(kinds(), "reload begin failure failure failure halt");
    EXPECT_TRUE(eventually([&] { return contains(meta.log(), "the history is not saved: " + why); })) << meta.log();
    report(host(5), "");
    EXPECT_EQ(control({"resume", "a", "2"}).exit_code, 0);
    EXPECT_EQ(report(host(4), "1"), "2");
    EXPECT_TRUE(eventually([&] { return kinds().ends_with("continue"); })) << kinds();
    const std::string log = meta.log();
    EXPECT_EQ(log.find("the history is not saved"), log.rfind("the history is not saved")) << log;
    uncover();
    EXPECT_TRUE(eventually([&] { return contains(meta.log(), "the history is saved again in var/events"); })) << meta.log();
    const std::string before = kinds();
    meta.process().kill();
    ASSERT_TRUE(meta.Box::start()) << meta.log();
    EXPECT_EQ(kinds(), before);
  }
};

TEST_F(EventsWithoutADisk, HeartbeatsGoOnWhenTheDiskIsFull) {
  const SmallDisk disk(1);
  ASSERT_TRUE(disk.is_small()) << "this test needs root";
  run({"dd", "if=/dev/zero", "of=" + (disk / "filler"), "bs=4096"});
  write_file(disk / "events", "");
  cover(disk / "events");
  expect_service("cannot write var/events: No space left on device");
}

TEST_F(EventsWithoutADisk, HeartbeatsGoOnWhenVarIsReadOnly) {
  cover(meta / "var/events", MS_RDONLY);
  expect_service("cannot open var/events: Read-only file system");
}

// Only the main thread writes. It is stopped here, as by a disk that hangs.
TEST_F(Events, HeartbeatsDoNotWaitForTheThreadThatWritesThem) {
  report(host(1), "1");
  assign("2", R"({"soak": 0, "maxFailures": 1000})");
  expect("a changes from 1 to 2");
  EXPECT_TRUE(eventually([&] { return contains(read_file(meta / "var/events"), "a changes from 1 to 2"); }));
  const auto slowest = [&](int first) {
    double longest = 0;
    for (int i = first; i < first + 200; ++i) {
      longest = std::max(longest, seconds_of([&] { report(host(i), "1", update("2", "rolled-back", "it died")); }));
    }
    return longest;
  };
  const pid_t main = meta.process().pid();
  ASSERT_EQ(::ptrace(PTRACE_SEIZE, main, 0, 0), 0) << "this test needs ptrace";
  ASSERT_EQ(::ptrace(PTRACE_INTERRUPT, main, 0, 0), 0);
  ASSERT_EQ(::waitpid(main, nullptr, __WALL), main);
  const double stopped = slowest(1);
  EXPECT_EQ(kinds("&kind=failure").find("failure"), 0u);
  EXPECT_FALSE(contains(read_file(meta / "var/events"), "failure"));
  ASSERT_EQ(::ptrace(PTRACE_DETACH, main, 0, 0), 0);
  EXPECT_TRUE(eventually([&] { return contains(read_file(meta / "var/events"), "failure"); }));
  const double written = slowest(1000);
  std::cout << "the slowest of 200 heartbeats: " << 1000 * stopped << " ms with a stopped writer, " << 1000 * written
            << " ms\n";
  EXPECT_LT(stopped, kAtOnce);
  EXPECT_LT(written, kAtOnce);
}

TEST_F(Events, AreInControlLog) {
  halt_two();
  const Finished all = control({"log"});
  EXPECT_EQ(all.exit_code, 0);
  EXPECT_TRUE(contains(all.output, "  reload          a changes from 1 to 2 on 4 hosts, like h101, h102, h103 (root)\n"))
      << all.output;
  EXPECT_TRUE(contains(all.output, "  failure         a 2 is rolled-back on h102: it died <b>\n")) << all.output;
  EXPECT_EQ(std::count(all.output.begin(), all.output.end(), '\n'), 7) << all.output;
  EXPECT_EQ(control({"log", "a"}).output, all.output);
  EXPECT_EQ(control({"log", "b c"}).output, "There is no event of agent b c.\n");
  EXPECT_EQ(control({"log", "-x"}).exit_code, 2);
  EXPECT_EQ(control({"log", "a", "b"}).exit_code, 2);
  EXPECT_TRUE(contains(control({"log", "--help"}).output, "--follow prints the last 20 events"));
}

TEST(ManualEvents, AreThoseOfARealOpsMeta) {
  MetaBox meta;
  meta.add_control();
  ASSERT_TRUE(meta.start({{"falcon-agent", "1.0.0"}})) << meta.log();
  const auto report = [&](const std::string& name, const std::string& updates) {
    const std::string real = R"({"name":"falcon-agent","version":"1.0.0","status":"started"})";
    EXPECT_EQ(http(meta.port(), "POST", "/heartbeat",
                   R"({"hostname":")" + name + R"(","realAgents":[)" + real + R"(],"updates":[)" + updates +
                       R"(],"updaterVersion":"1"})")
                  .status,
              200);
  };
  for (const std::string name : {"h1", "h2", "h3"}) report(name, "");
  ASSERT_TRUE(meta.assign({{"falcon-agent", "1.0.1"}}));
  ASSERT_TRUE(eventually([&] { return contains(meta.get("/events").body, "changes from 1.0.0"); }));
  report("h1", "");
  report("h1", R"({"name":"falcon-agent","version":"1.0.1","phase":"rolled-back","error":"it did not start: exit code 1"})");
  EXPECT_EQ(meta.run_control({"halt", "falcon-agent", "1.0.1"}).exit_code, 0);

  std::istringstream lines(manual_block("./control log falcon-agent"));
  std::string command;
  std::getline(lines, command);
  const Finished shown = run({"bash", "-c", command}, meta.folder());
  size_t compared = 0;
  for (std::string line; std::getline(lines, line);) {
    if (line.empty()) continue;
    ++compared;
    EXPECT_TRUE(contains(shown.output, line.substr(line.find("  ")) + "\n")) << line << " is not in\n" << shown.output;
  }
  EXPECT_EQ(compared, 4u);
}

TEST_F(Events, AreFollowedAlsoWhileOpsMetaRestarts) {
  halt_two();
  Terminal terminal({"./control", "log", "--follow", "a"}, meta.folder());
  ASSERT_TRUE(terminal.shows("a 2 is halted")) << terminal.output();
  EXPECT_EQ(meta.process().stop(), 0);
  ASSERT_TRUE(meta.Box::start()) << meta.log();
  EXPECT_EQ(control({"halt", "a", "2"}).exit_code, 0);
  EXPECT_TRUE(terminal.shows("a 2 is halted by hand (root)")) << terminal.output();
  const std::string shown = terminal.output();
  EXPECT_EQ(shown.find("h102: it died"), shown.rfind("h102: it died")) << "an event is shown once: " << shown;
}

}  // namespace
}  // namespace ops::tests
