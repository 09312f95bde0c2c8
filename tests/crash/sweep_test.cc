// An update never breaks a host: for every system call of the updater, a run in which the updater is killed at this call, and
// runs in which the call fails.
//
// A point is a fault and the number N of a call. N counts the calls on files, processes and the network (listed in inject.cc)
// of all threads, in the order in which the threads make them, from exec until the update is over and the updater has exited on
// SIGTERM. Threads and timers make the order and the count vary a little between runs. A run that makes fewer than N calls
// counts as tried but not as reached.
//
// By default the test tries every k-th point from a random offset, which it prints. $OPS_SWEEP=full tries all points
// (`./control test crash`). $OPS_SWEEP=123 tries only call 123 of each fault, to repeat a failure. $OPS_SWEEP_FAULT=EIO tries
// only that fault. Each point has its own ops-meta, updater, folders and test process; $OPS_SWEEP_JOBS points run at once
// (default 8).

#include <gtest/gtest.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <deque>
#include <fstream>
#include <iostream>
#include <map>
#include <optional>
#include <random>
#include <sstream>

#include "tests/crash/point.h"
#include "tests/support/temp_dir.h"
#include "tests/support/wait.h"

namespace ops::tests {
namespace {

using Clock = std::chrono::steady_clock;

const Scenario kUpgrade{"upgrade", "1.0.0", "2.0.0", "2.0.0"};
const Scenario kRollback{"rollback", "1.0.0", "2.0.0", "1.0.0"};
const Scenario kLateRollback{"rollback in the soak", "1.0.0", "2.0.0", "1.0.0", true};
const Scenario kFirstInstall{"first install", "", "1.0.0", "1.0.0"};

constexpr auto kPointDeadline = std::chrono::minutes(6);

std::string setting(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

std::string to_text(const Outcome& outcome) {
  std::ostringstream text;
  text << outcome.refused << "\n" << outcome.injected << "\n" << outcome.counts.size() << "\n";
  for (const auto& [fault, count] : outcome.counts) text << fault << " " << count << "\n";
  text << outcome.violation;
  return text.str();
}

Outcome parse_outcome(const std::string& text) {
  Outcome outcome;
  std::istringstream from(text);
  std::string line;
  size_t counts = 0;
  from >> outcome.refused;
  std::getline(from, line);
  std::getline(from, outcome.injected);
  from >> counts;
  for (std::string fault; counts > 0; --counts) {
    from >> fault;
    from >> outcome.counts[fault];
  }
  std::getline(from, line);
  std::ostringstream rest;
  rest << from.rdbuf();
  outcome.violation = rest.str();
  return outcome;
}

/// Runs points in parallel, each in its own process.
class Jobs {
 public:
  Jobs() {
    // The updater syncs files often. On a disk, the syncs would take most of the time.
    struct statvfs memory = {};
    const std::string parent =
        ::statvfs("/dev/shm", &memory) == 0 && (memory.f_flag & (ST_NOEXEC | ST_RDONLY)) == 0 ? "/dev/shm" : "/tmp";
    ::setenv("TMPDIR", parent.c_str(), 1);
    ::setenv("LSAN_OPTIONS", "detect_leaks=0", 1);  // LeakSanitizer cannot check a process that inject traces
    folder_.emplace();
    ::setenv("TMPDIR", folder_->path().c_str(), 1);
  }
  ~Jobs() {
    ::unsetenv("TMPDIR");
    kill_all_in(folder_->path());
  }
  Jobs(const Jobs&) = delete;
  Jobs& operator=(const Jobs&) = delete;

  size_t size() const { return running_.size(); }

  void start(const Point& point) {
    const std::string file = *folder_ / std::to_string(++started_);
    std::cout << std::flush;
    const pid_t pid = ::fork();
    if (pid == 0) {
      ::alarm(std::chrono::seconds(kPointDeadline).count());
      std::ofstream(file + ".new") << to_text(run_point(point));
      ::_exit(::rename((file + ".new").c_str(), file.c_str()));
    }
    running_[pid] = {point, file};
  }

  /// Waits until a point has ended, and returns it.
  std::pair<Point, Outcome> take() {
    int status = 0;
    const pid_t pid = ::wait(&status);
    auto job = running_.extract(pid);
    if (job.empty()) return {};
    Outcome outcome = parse_outcome(read_file(job.mapped().second));
    if (status != 0) outcome.violation = "the test process of this point ended with wait status " + std::to_string(status);
    return {job.mapped().first, outcome};
  }

 private:
  std::optional<TempDir> folder_;
  std::map<pid_t, std::pair<Point, std::string>> running_;
  int started_ = 0;
};

struct Tally {
  unsigned long tried = 0;
  unsigned long injected = 0;
  unsigned long refused = 0;
  unsigned long violations = 0;
};

/// Appends the points of one fault to `points`. Returns a description of the selection.
std::string choose_points(const Scenario& scenario, const std::string& fault, unsigned long count, unsigned long samples,
                          std::deque<Point>& points) {
  const std::string wish = setting("OPS_SWEEP");
  unsigned long step = wish == "full" ? 1 : std::max<unsigned long>(1, count / samples);
  std::random_device random;
  unsigned long first = std::uniform_int_distribution<unsigned long>(1, step)(random);
  if (!wish.empty() && wish != "full") first = count = std::stoul(wish);
  std::ostringstream words;
  words << "of " << count << " (every " << step << ". from " << first << ")";
  for (unsigned long n = first; n <= count; n += step) points.push_back({scenario, fault, n});
  return words.str();
}

void sweep(const Scenario& scenario, const std::vector<std::string>& faults, unsigned long samples) {
  const auto begin = Clock::now();
  const std::string jobs_wish = setting("OPS_SWEEP_JOBS");
  const size_t at_once = jobs_wish.empty() ? 8 : std::stoul(jobs_wish);
  Jobs jobs;
  jobs.start({scenario, faults.front(), 0});
  const Outcome clean = jobs.take().second;
  ASSERT_EQ(clean.violation, "");
  ASSERT_EQ(clean.injected, "");

  std::deque<Point> points;
  std::map<std::string, std::string> chosen;
  std::map<std::string, Tally> tallies;
  unsigned long tried = 0;
  for (const std::string& fault : faults) {
    const std::string only = setting("OPS_SWEEP_FAULT");
    if (only.empty() || only == fault) chosen[fault] = choose_points(scenario, fault, clean.counts.at(fault), samples, points);
  }
  while (!points.empty() || jobs.size() > 0) {
    while (!points.empty() && jobs.size() < at_once) {
      jobs.start(points.front());
      points.pop_front();
    }
    const auto [point, outcome] = jobs.take();
    Tally& tally = tallies[point.fault];
    if (++tried % 100 == 0) std::cout << scenario.name << ": " << tried << " points so far" << std::endl;
    ++tally.tried;
    tally.injected += outcome.injected.empty() ? 0 : 1;
    tally.refused += outcome.refused ? 1 : 0;
    tally.violations += outcome.violation.empty() ? 0 : 1;
    if (!outcome.violation.empty()) {
      ADD_FAILURE() << scenario.name << ", " << point.fault << " " << point.n << ", " << outcome.injected << ": "
                    << outcome.violation;
    }
  }
  for (const auto& [fault, tally] : tallies) {
    std::cout << scenario.name << ", " << fault << ": " << tally.tried << " points " << chosen[fault] << ", " << tally.injected
              << " reached, " << tally.refused << " refusals to start, " << tally.violations << " violations\n";
  }
  std::cout << scenario.name << ": " << std::chrono::duration<double>(Clock::now() - begin).count() << " s\n";
}

const std::vector<std::string> kErrors = {"ENOSPC", "EIO", "EMFILE", "short"};

TEST(KillAtEverySystemCall, NeverBreaksAnUpgrade) { sweep(kUpgrade, {"kill"}, 24); }
TEST(KillAtEverySystemCall, NeverBreaksARollback) { sweep(kRollback, {"kill"}, 24); }
TEST(KillAtEverySystemCall, NeverBreaksARollbackInTheSoak) { sweep(kLateRollback, {"kill"}, 24); }
TEST(KillAtEverySystemCall, NeverBreaksAFirstInstall) { sweep(kFirstInstall, {"kill"}, 24); }

TEST(ErrorAtEverySystemCall, NeverBreaksAnUpgrade) { sweep(kUpgrade, kErrors, 4); }
TEST(ErrorAtEverySystemCall, NeverBreaksARollback) { sweep(kRollback, kErrors, 4); }
TEST(ErrorAtEverySystemCall, NeverBreaksARollbackInTheSoak) { sweep(kLateRollback, kErrors, 4); }
TEST(ErrorAtEverySystemCall, NeverBreaksAFirstInstall) { sweep(kFirstInstall, kErrors, 4); }

}  // namespace
}  // namespace ops::tests
