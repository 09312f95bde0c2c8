// A kill or an error at each system call of ops-meta, from its start over a reload to its stop, leaves a readable history
// (meta/events/event_log.h). The file is so long that the reload replaces it.
//
// By default the test tries a sample of the calls; $OPS_SWEEP=full tries all, $OPS_SWEEP=123 only call 123 of each fault.

#include <gtest/gtest.h>

#include <csignal>
#include <cstdlib>
#include <iostream>
#include <map>
#include <random>
#include <sstream>

#include "meta/events/event_log.h"
#include "tests/support/boxes.h"
#include "tests/support/text.h"
#include "tests/support/wait.h"

namespace ops::tests {
namespace {

using meta::EventKind;
using meta::EventLog;

constexpr unsigned long kSamples = 12;  // calls per fault

struct Reload {
  std::string injected;                         // the call that got the fault; "" when the run had fewer calls
  std::map<std::string, unsigned long> counts;  // by fault: the calls that could have had it
};

/// A history with two lines less than the file may have.
std::string long_history() {
  std::string text;
  for (size_t i = 1; i < 2 * EventLog::kMaxEvents - 1; ++i) {
    meta::append_json(text, {EventKind::end, "a", "0", "", "", "old " + std::to_string(i), 1, static_cast<int64_t>(i)});
    text += '\n';
  }
  return text;
}

/// Starts ops-meta with the fault, makes three reloads, and stops it. Expects that the history is readable then, has each old
/// event, and that a start without the fault serves it.
Reload reload_with(const std::string& fault, unsigned long n, const std::string& history) {
  MetaBox meta;
  EXPECT_TRUE(meta.start({{"a", "1"}})) << meta.log();
  EXPECT_EQ(meta.process().stop(), 0);
  write_file(meta / "var/events", history, 0600);
  const std::string report = meta / "report";
  const bool served = meta.start_under({OPS_BUILD_DIR "/tests/inject", fault, std::to_string(n), report});
  for (int i = 2; served && i < 5; ++i) {
    std::string config = read_file(meta / "cfg.json");
    const std::string version = R"("version": ")";
    config.replace(config.find(version) + version.size(), 1, std::to_string(i));
    write_file(meta / "cfg.json", config);
    const auto heartbeat = [&] { return http(meta.port(), "POST", "/heartbeat", R"({"hostname":"h1"})").status; };
    const auto reloads = [&] {
      const std::string events = meta.get("/events").body;
      int count = 0;
      for (size_t at = events.find("SIGHUP"); at != std::string::npos; at = events.find("SIGHUP", at + 1)) ++count;
      return count;
    };
    meta.process().signal(SIGHUP);
    EXPECT_TRUE(eventually([&] { return !meta.process().is_running() || (heartbeat() == 200 && reloads() >= i - 1); }))
        << fault << " " << n;
  }
  if (meta.process().is_running()) meta.process().signal(SIGTERM);
  meta.process().wait();

  Reload reload;
  std::istringstream lines(read_file(report));
  for (std::string line; std::getline(lines, line);) {
    const size_t space = line.find(' ');
    if (line.starts_with("injected ")) {
      reload.injected = line.substr(space + 1);
    } else {
      reload.counts[line.substr(0, space)] = std::stoul(line.substr(space + 1));
    }
  }
  const std::string where = fault + " " + std::to_string(n) + ", " + reload.injected;
  EventLog log;
  log.keep_in(meta / "var/events");
  const auto events = log.all();
  EXPECT_EQ(events.size(), EventLog::kMaxEvents) << where;
  int64_t next = 0;
  for (const auto& event : events) {
    if (event->kind != EventKind::end) continue;
    EXPECT_TRUE(next == 0 || event->id == next) << where << ": an event is lost before " << event->text;
    next = event->id + 1;
  }
  EXPECT_EQ(next, static_cast<int64_t>(2 * EventLog::kMaxEvents - 1)) << where;
  EXPECT_TRUE(meta.Box::start()) << where << meta.log();
  EXPECT_TRUE(contains(meta.get("/events?limit=10000").body, "\"old 19998\"")) << where;
  return reload;
}

TEST(FaultAtEverySystemCallOfOpsMeta, LeavesAReadableHistory) {
  const std::string history = long_history();
  const Reload clean = reload_with("kill", 0, history);
  ASSERT_FALSE(clean.counts.empty());
  const char* wish = std::getenv("OPS_SWEEP");
  const std::string wished = wish == nullptr ? "" : wish;
  for (const std::string fault : {"kill", "ENOSPC", "EIO", "short"}) {
    const unsigned long count = clean.counts.at(fault);
    unsigned long step = wished == "full" ? 1 : std::max(1UL, count / kSamples);
    std::random_device random;
    unsigned long first = std::uniform_int_distribution<unsigned long>(1, step)(random);
    if (!wished.empty() && wished != "full") first = step = std::stoul(wished);
    unsigned long reached = 0;
    unsigned long tried = 0;
    for (unsigned long call = first; call <= std::max(count, first); call += step, ++tried) {
      if (!reload_with(fault, call, history).injected.empty()) ++reached;
      if (testing::Test::HasFailure()) return;
    }
    std::cout << fault << ": " << tried << " points of " << count << ", from " << first << ", " << reached << " reached\n";
  }
}

}  // namespace
}  // namespace ops::tests
